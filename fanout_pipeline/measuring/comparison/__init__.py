"""What the trials of one fan-out say: ratios to the reference, a verdict, and the reasons for both.

`comparison` relates trials to the reference's, `verdict` decides, the others put it into sentences.

Add here what is concluded from trials. Keep out: running anything, tables and plots (reporting).
"""
