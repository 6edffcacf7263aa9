"""The files of the pictures: the real airports, some of them damaged, and a large table of invented flights."""

import csv
import gzip
import random
from pathlib import Path

from tests.factories import AIRPORTS

FLIGHTS = 300_000
_DAMAGE = {7: ("lat", "north"), 19: ("alt", "high"), 20: ("lon", "12° E"), 44: ("alt", "12.5"), 71: ("tz", "six")}


def damaged(folder: Path) -> Path:
    """A hundred airports with five values that do not fit the fields."""
    path = folder / "airports_spring.csv"
    with AIRPORTS.open(newline="", encoding="utf-8") as source, path.open("w", newline="", encoding="utf-8") as target:
        reader = csv.DictReader(source)
        writer = csv.DictWriter(target, list(reader.fieldnames or ()))
        writer.writeheader()
        for number, row in zip(range(100), reader, strict=False):
            if number in _DAMAGE:
                field, value = _DAMAGE[number]
                row[field] = value
            writer.writerow(row)
    return path


def flights(folder: Path) -> Path:
    """Enough rows that their import can be watched."""
    path, chance = folder / "flights.csv.gz", random.Random(2013)  # noqa: S311 - invented flights
    with gzip.open(path, "wt", newline="", encoding="utf-8", compresslevel=1) as file:
        writer = csv.writer(file)
        writer.writerow(["flight", "carrier", "origin", "dest", "dep_delay", "distance", "time_hour"])
        for number in range(FLIGHTS):
            day, hour = number * 365 // FLIGHTS, number % 19 + 5
            late = "NA" if number % 41 == 0 else chance.randint(-12, 90)
            writer.writerow(
                [
                    chance.randint(1, 6000), chance.choice(("AA", "B6", "DL", "EV", "UA")),
                    chance.choice(("EWR", "JFK", "LGA")), chance.choice(("ATL", "IAH", "MIA", "ORD", "SFO")),
                    late, chance.randint(94, 2586), f"2013-{day // 31 + 1:02}-{day % 28 + 1:02} {hour:02}:00:00",
                ]
            )  # fmt: skip
    return path
