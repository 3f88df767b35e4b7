#!/usr/bin/env python3
"""Makes `climate.xlsx` and `employment.xlsx` from the CSV files beside it. Needs openpyxl 3.1.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install openpyxl==3.1.5 && /tmp/venv/bin/python examples/make_workbooks.py
"""
import csv
import datetime
from pathlib import Path

from openpyxl import Workbook

HERE = Path(__file__).parent


def cell(text):
    """The text of a CSV field as what a person would have typed into a spreadsheet."""
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        pass
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text or None


def fill(worksheet, name):
    with open(HERE / name, newline="", encoding="utf-8") as lines:
        for row in csv.reader(lines):
            worksheet.append([cell(text) for text in row])
    for column in worksheet.columns:
        if any(isinstance(c.value, datetime.date) for c in column):
            worksheet.column_dimensions[column[0].column_letter].width = 12
    worksheet.freeze_panes = "A2"


def main():
    climate = Workbook()
    fill(climate.active, "weather.csv")
    climate.active.title = "Daily weather"
    fill(climate.create_sheet("CO2"), "co2.csv")
    sources = climate.create_sheet("Sources")
    sources.append(["sheet", "source", "licence"])
    sources.append(["Daily weather", "NOAA Climate Data Online", "public domain"])
    sources.append(["CO2", "Scripps CO2 Program", "CC BY 4.0"])
    sources.sheet_state = "hidden"
    climate.save(HERE / "climate.xlsx")

    employment = Workbook()
    fill(employment.active, "employment.csv")
    employment.active.title = "Employment"
    employment.save(HERE / "employment.xlsx")


if __name__ == "__main__":
    main()
