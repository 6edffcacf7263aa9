"""A file in the shape of a well-known table of flights: 19 columns of numbers, texts and a moment, some missing."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROWS = 336_776
HEADER = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,"
    "origin,dest,air_time,distance,hour,minute,time_hour"
)
_CARRIERS = ("UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN", "VX", "FL", "AS", "F9", "YV", "HA", "OO")
_ORIGINS = ("EWR", "JFK", "LGA")
_DESTINATIONS = ("ORD", "ATL", "LAX", "BOS", "MCO", "CLT", "SFO", "FLL", "MIA", "DCA", "IAH", "RDU", "TPA", "DEN")
_BEGIN = datetime(2013, 1, 1, tzinfo=UTC)
_CANCELLED_SHARE = 0.025


def write(path: Path, rows: int) -> None:
    """Make the file; the same number of rows gives the same file."""
    dice = random.Random(2013)  # noqa: S311 - invented data, the same each time
    with path.open("w", encoding="ascii") as file:
        file.write(HEADER + "\n")
        file.writelines(_line(dice, n, rows) for n in range(rows))


def _line(dice: random.Random, n: int, rows: int) -> str:
    at = _BEGIN + timedelta(minutes=n * 525_600 // rows)
    minutes, delay, air = at.hour * 60 + at.minute, dice.randint(-15, 120), dice.randint(30, 400)
    flown = dice.random() >= _CANCELLED_SHARE
    departed, arrived = (_clock(minutes + delay), _clock(minutes + delay + air)) if flown else ("NA", "NA")
    late = (delay, delay + dice.randint(-20, 20)) if flown else ("NA", "NA")
    return (
        f"{at.year},{at.month},{at.day},{departed},{_clock(minutes)},{late[0]},{arrived},{_clock(minutes + air)},"
        f"{late[1]},{dice.choice(_CARRIERS)},{dice.randint(1, 6000)},N{dice.randint(10000, 99999)},"
        f"{dice.choice(_ORIGINS)},{dice.choice(_DESTINATIONS)},{air if flown else 'NA'},{air * 7},"
        f"{at.hour},{at.minute},{at:%Y-%m-%dT%H}:00:00Z\n"
    )


def _clock(minutes: int) -> str:
    """Minutes of a day as hours and minutes in one number, such as 517."""
    return str(minutes // 60 % 24 * 100 + minutes % 60)
