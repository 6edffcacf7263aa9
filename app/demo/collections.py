"""What is special about each of the three datasets: their fields, their rows, and what was wrong in their files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.demo.dice import Dice
from app.fields.types import FieldType
from app.tabular.plan import ErrorCode

PICTURES = "/static/pictures/"


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """One field of a dataset."""

    key: str
    label: str
    type: FieldType
    required: bool = False
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class File:
    """A file that was imported, some days after the beginning; ``bad`` of its rows did not fit."""

    name: str
    day: float
    rows: int
    bad: int


@dataclass(frozen=True, slots=True)
class Fault:
    """A value that a file had wrong."""

    field: str
    code: ErrorCode
    raw: str


@dataclass(frozen=True, slots=True)
class Collection:
    """One dataset of the demo. ``reviewed`` is the share of its rows that somebody has decided."""

    name: str
    first_name: str
    team: int
    fields: tuple[FieldPlan, ...]
    files: tuple[File, ...]
    faults: tuple[Fault, ...]
    reviewed: float
    wrong: str
    """The field that reviewers correct now and then."""
    row: Callable[[Dice, datetime, int], dict[str, Any]]


_CONDITIONS = ("healthy", "spots", "rust", "mildew")
_SPECIES = {"oak": "Quercus robur", "birch": "Betula pendula", "vine": "Vitis vinifera", "willow": "Salix alba"}
_COLOURS = ("teal", "red", "yellow", "navy", "rose")
_KINDS = ("bottle", "can", "box", "jar")
_GOODS = {
    "bottle": ("Apfelsaft naturtrüb", "Limonada", "Jus de poire", "Σιρόπι", "醤油"),
    "can": ("Tomates pelées", "Coconut milk", "Kidneybohnen", "Sardinhas", "あずき"),
    "box": ("Haferflocken", "Thé Earl Grey", "Crackers", "Гречка", "緑茶"),
    "jar": ("Aprikosenmarmelade", "Miel de lavande", "Tahini", "Ajvar", "김치"),
}
_SIGNS = {
    "stop": ("octagon", "priority"),
    "yield": ("triangle", "priority"),
    "speed-30": ("circle", "limit"),
    "speed-80": ("circle", "limit"),
    "no-entry": ("circle", "prohibition"),
    "priority": ("diamond", "priority"),
    "crossing": ("triangle", "warning"),
    "one-way": ("rectangle", "direction"),
    "parking": ("square", "information"),
    "roundabout": ("circle", "direction"),
}
_TAGS = ("night", "rain", "dirty", "partly hidden", "sunset", "snow")
_COUNTRIES = ("DE", "FR", "PL", "JP", "US", "BR", "IN")
_NOTES = ("edge torn", "lower side", "two leaves overlap", "scale missing")


def _leaf(dice: Dice, at: datetime, n: int) -> dict[str, Any]:
    species, condition = dice.choice(sorted(_SPECIES)), dice.of(list(zip(_CONDITIONS, (5, 2, 2, 1), strict=True)))
    row = {
        "photo": f"{PICTURES}leaf-{species}-{condition}.svg",
        "sample": f"L-{n:05}",
        "species": _SPECIES[species],
        "condition": condition,
        "severity": 0 if condition == "healthy" else dice.randint(1, 5),
        "area_cm2": round(dice.gauss(34, 9), 1),
        "photographed": _moment(at - timedelta(minutes=dice.randrange(40_000))),
    }
    return row | ({"note": dice.choice(_NOTES)} if dice.chance(0.12) else {})


def _product(dice: Dice, _: datetime, n: int) -> dict[str, Any]:
    kind, colour = dice.choice(_KINDS), dice.choice(_COLOURS)
    return {
        "photo": f"{PICTURES}pack-{kind}-{colour}.svg",
        "barcode": f"40{dice.randrange(10**10):010}{n % 10}",
        "name": dice.choice(_GOODS[kind]),
        "packaging": kind,
        "label_colour": colour,
        "grams": dice.choice((150, 250, 330, 400, 500, 750, 1000)),
        "price_eur": dice.randrange(79, 1299) / 100,
        "in_stock": dice.chance(0.86),
    }


def _sign(dice: Dice, at: datetime, _: int) -> dict[str, Any]:
    sign = dice.choice(sorted(_SIGNS))
    shape, meaning = _SIGNS[sign]
    return {
        "photo": f"{PICTURES}sign-{sign}.svg",
        "sign": sign,
        "shape": shape,
        "meaning": meaning,
        "country": dice.choice(_COUNTRIES),
        "latitude": round(dice.uniform(-35, 60), 5),
        "longitude": round(dice.uniform(-100, 140), 5),
        "seen_on": (at - timedelta(days=dice.randrange(60))).date().isoformat(),
        "tags": dice.sample(_TAGS, dice.randrange(3)),
    }


def _moment(at: datetime) -> str:
    return at.replace(tzinfo=None, microsecond=0).isoformat() + "Z"


def _choice(key: str, label: str, choices: Sequence[str]) -> FieldPlan:
    return FieldPlan(key, label, FieldType.CHOICE, required=True, choices=tuple(choices))


_PHOTO = FieldPlan("photo", "Photo", FieldType.IMAGE)

COLLECTIONS = (
    Collection(
        name="Leaf health 2026",
        first_name="Leaf photos",
        team=3,
        fields=(
            _PHOTO,
            FieldPlan("sample", "Sample", FieldType.TEXT, required=True),
            _choice("species", "Species", sorted(_SPECIES.values())),
            _choice("condition", "Condition", _CONDITIONS),
            FieldPlan("severity", "Severity", FieldType.INTEGER, minimum=0, maximum=5),
            FieldPlan("area_cm2", "Area (cm²)", FieldType.NUMBER),
            FieldPlan("photographed", "Photographed", FieldType.DATETIME),
            FieldPlan("note", "Note", FieldType.TEXT),
        ),
        files=(File("leaves-spring.csv", 27, 640, 3), File("leaves-summer.csv", 58.2, 560, 0)),
        faults=(
            Fault("severity", ErrorCode.INTEGER, "strong"),
            Fault("severity", ErrorCode.MAXIMUM, "9"),
            Fault("sample", ErrorCode.REQUIRED, ""),
        ),
        reviewed=0.7,
        wrong="severity",
        row=_leaf,
    ),
    Collection(
        name="Shelf products",
        first_name="Shelf products",
        team=1,
        fields=(
            _PHOTO,
            FieldPlan("barcode", "Barcode", FieldType.TEXT, required=True),
            FieldPlan("name", "Name", FieldType.TEXT),
            _choice("packaging", "Packaging", _KINDS),
            _choice("label_colour", "Label colour", _COLOURS),
            FieldPlan("grams", "Grams", FieldType.INTEGER, minimum=1),
            FieldPlan("price_eur", "Price (EUR)", FieldType.NUMBER, minimum=0),
            FieldPlan("in_stock", "In stock", FieldType.BOOLEAN),
        ),
        files=(File("products.csv", 41.1, 520, 0), File("products-new.csv", 86.3, 240, 6)),
        faults=(
            Fault("price_eur", ErrorCode.NUMBER, "2,49 €"),
            Fault("price_eur", ErrorCode.NUMBER, "on request"),
            Fault("grams", ErrorCode.INTEGER, "330g"),
        ),
        reviewed=0.45,
        wrong="grams",
        row=_product,
    ),
    Collection(
        name="Road signs",
        first_name="Road signs",
        team=9,
        fields=(
            _PHOTO,
            _choice("sign", "Sign", sorted(_SIGNS)),
            _choice("shape", "Shape", sorted({shape for shape, _ in _SIGNS.values()})),
            _choice("meaning", "Meaning", sorted({meaning for _, meaning in _SIGNS.values()})),
            _choice("country", "Country", _COUNTRIES),
            FieldPlan("latitude", "Latitude", FieldType.NUMBER, minimum=-90, maximum=90),
            FieldPlan("longitude", "Longitude", FieldType.NUMBER, minimum=-180, maximum=180),
            FieldPlan("seen_on", "Seen on", FieldType.DATE),
            FieldPlan("tags", "Tags", FieldType.MULTI_CHOICE),
        ),
        files=(File("signs.tsv", 66.4, 430, 2),),
        faults=(
            Fault("latitude", ErrorCode.MAXIMUM, "184.2"),
            Fault("seen_on", ErrorCode.DATE, "31.06.2026"),
        ),
        reviewed=0.3,
        wrong="latitude",
        row=_sign,
    ),
)
