"""Comparisons and break-even measurements as tables, plots and pages.

    report, break_even_report   write the files of a report
    page, html, record          a comparison as Markdown, as HTML, as JSON
    tables, method              parts of these pages
    plots, break_even_plots     pictures, drawn on `canvas`
    escape                      text from data on its way into a page

Add here what shows finished numbers. Keep out: Dagster (defs), and any arithmetic that a verdict
depends on (measuring).
"""
