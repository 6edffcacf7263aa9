"""What the customers buy: payments, and the documents that jobs make for them."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from uuid import UUID

from app.demo.customers import Customer, Customers
from app.demo.dice import Dice, Rhythm
from app.demo.documents import Desk
from app.demo.failures import READ_ONLY
from app.demo.history import Record
from app.documents import drafts
from app.models import PaymentStatus

PAYMENTS, PREVIEWS = 4_600, 2_300
PRICE_PER_PAGE = MappingProxyType({"EUR": 45, "USD": 49, "JPY": 70})
"""In minor units."""
_DECLINED = (
    ("Your card was declined.", 5.0),
    ("Your card has insufficient funds.", 4.0),
    ("Your card has expired.", 1.5),
    ("Your card's security code is incorrect.", 1.0),
    ("An error occurred while processing your card. Try again in a little bit.", 0.7),
)
_OUTCOMES = (
    (PaymentStatus.SUCCEEDED, 91.0),
    (PaymentStatus.FAILED, 6.8),
    (PaymentStatus.CANCELLED, 1.6),
    (PaymentStatus.DISPUTED, 0.25),
)
_PAID = frozenset({PaymentStatus.SUCCEEDED, PaymentStatus.DISPUTED})
_TROUBLED = 9
_STILL_PENDING = timedelta(hours=2)
_TEMPLATES = (("report", 5.0), ("proposal", 3.0), ("study", 2.0), ("brief", 4.0))
_SUBJECTS = MappingProxyType(
    {
        "en": (
            "Heat pumps in old houses",
            "Cargo bikes in town",
            "Sleep and shift work",
            "Urban bees",
            "Reading aloud",
        ),
        "de": ("Wärmepumpen im Altbau", "Lastenräder in der Stadt", "Schlaf und Schichtarbeit", "Die Öffnungszeiten"),
        "fr": ("L’eau en été", "Vélos cargo en ville", "Le sommeil des enfants", "À la recherche du café perdu"),
        "es": ("El agua en verano", "Bicicletas de carga", "Niños y pantallas", "La energía de los tejados"),
        "ja": ("古民家の断熱", "都市の養蜂", "睡眠と交代勤務", "朗読のすすめ"),
    }
)
_LANGUAGE_OF = MappingProxyType({"de": "de", "fr": "fr", "es": "es", "ja": "ja"})


@dataclass
class Trade:
    """Payments and jobs, in order of time."""

    dice: Dice
    customers: Customers
    desk: Desk
    start: datetime
    now: datetime
    payments: list[Record] = field(default_factory=list)
    _born: list[datetime] = field(init=False)

    def __post_init__(self) -> None:
        self._born = [user.row["created_at"] for user in self.customers.users]
        self._busiest = max(user.busy for user in self.customers.users)
        for at in Rhythm(self.start, self.now, 2.1).moments(self.dice, PREVIEWS):
            user = self._buyer(at)
            self.desk.order(user.row, user.team_at(at), self._order(user, preview=True), at)
        for at in Rhythm(self.start, self.now, 2.3).moments(self.dice, PAYMENTS):
            self._pay(self._buyer(at), at, again=True)
        self._meet_trouble()

    def _buyer(self, at: datetime) -> Customer:
        """Somebody who is there at this moment; busy people come more often."""
        users, there = self.customers.users, bisect_left(self._born, at)
        while True:
            user = users[self.dice.randrange(there)]
            if self.dice.random() * self._busiest < user.busy and user.works_at(at):
                return user

    def _meet_trouble(self) -> None:
        """Since some hours ago a worker may not write what it made: a failure that nobody has seen before."""
        for n in range(_TROUBLED):
            at = self.dice.later(self.now - timedelta(hours=3.6) + n * timedelta(minutes=16), 1, 600)
            user = self._buyer(at)
            self.desk.order(user.row, user.team_at(at), self._order(user, preview=True), at, failure=READ_ONLY)

    def _order(self, user: Customer, *, preview: bool = False) -> drafts.Draft:
        language = _LANGUAGE_OF.get(user.row["options"]["locale"], "en")
        title = self.dice.choice(_SUBJECTS[language])
        pages = 2 if preview else min(max(4, int(self.dice.lognormvariate(2.9, 0.6))), 120)
        return drafts.Draft(self.dice.of(_TEMPLATES), title, language, pages)

    def _pay(self, user: Customer, at: datetime, *, again: bool) -> None:
        team_id, order = user.team_at(at), self._order(user)
        currency = self.customers.currency(team_id)
        status = self.dice.of(_OUTCOMES)
        if status not in _PAID and self.now - at < _STILL_PENDING:
            status = PaymentStatus.PENDING
        payment = self._payment(user.row["id"], team_id, order, currency, at) | self._outcome(status, at)
        self.payments.append(payment)
        if status in _PAID:
            self._give_back(payment)
            self.desk.order(user.row, team_id, order, payment["last_event_at"], payment["id"])
        retried = self.dice.later(at, 30, 240)
        if status == PaymentStatus.FAILED and again and self.dice.chance(0.6) and retried < self.now:
            self._pay(user, retried, again=False)

    def _payment(self, user_id: UUID, team_id: UUID, order: drafts.Draft, currency: str, at: datetime) -> Record:
        return {
            "id": self.dice.id(at),
            "team_id": team_id,
            "user_id": user_id,
            "amount_minor": order.pages * PRICE_PER_PAGE[currency],
            "currency": currency,
            "status": PaymentStatus.PENDING.value,
            "refunded_minor": 0,
            "description": f"{order.template.capitalize()}, {order.pages} pages: {order.title}",
            "failure": None,
            "stripe_payment_intent": self.dice.stripe("pi"),
            "stripe_charge": None,
            "last_event_at": None,
            "version": 1,
            "created_at": at,
            "updated_at": at,
        }

    def _outcome(self, status: PaymentStatus, at: datetime) -> Record:
        if status == PaymentStatus.PENDING:
            return {}
        known = min(self.dice.later(at, 1, 9), self.now)
        values: Record = {"status": status.value, "last_event_at": known, "updated_at": known, "version": 2}
        if status != PaymentStatus.CANCELLED:
            values["stripe_charge"] = self.dice.stripe("ch")
        if status == PaymentStatus.FAILED:
            values["failure"] = self.dice.of(_DECLINED)
        return values

    def _give_back(self, payment: Record) -> None:
        if not self.dice.chance(0.03):
            return
        when = self.dice.later(payment["created_at"], 3_600, 12 * 86_400)
        if when < self.now:
            share = self.dice.of(((1.0, 3.0), (0.5, 1.0), (0.2, 1.0)))
            payment.update(refunded_minor=int(payment["amount_minor"] * share), version=3, updated_at=when)


def in_order(records: Sequence[Record]) -> list[Record]:
    """By their ids, which is by their time."""
    return sorted(records, key=lambda record: record["id"])
