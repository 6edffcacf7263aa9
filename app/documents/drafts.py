"""Drafts of documents, put together from a template's sections: pure functions of what a customer ordered.

Until a language model is connected, a draft is the document's frame: every page has its section, its heading in the
document's language and what to write there. The same order always makes the same text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from app.errors import Invalid

MOST_PAGES = 200
_SECTIONS = {
    "summary": ("Summary", "Zusammenfassung", "Résumé", "Resumen", "概要"),
    "background": ("Background", "Hintergrund", "Contexte", "Contexto", "背景"),
    "question": ("The question", "Die Frage", "La question", "La pregunta", "課題"),
    "method": ("Method", "Vorgehen", "Méthode", "Método", "方法"),
    "findings": ("Findings", "Ergebnisse", "Résultats", "Resultados", "結果"),
    "offer": ("Our offer", "Unser Angebot", "Notre offre", "Nuestra oferta", "ご提案"),
    "schedule": ("Schedule", "Zeitplan", "Calendrier", "Calendario", "日程"),
    "costs": ("Costs", "Kosten", "Coûts", "Costes", "費用"),
    "risks": ("Risks", "Risiken", "Risques", "Riesgos", "リスク"),
    "next": ("Next steps", "Nächste Schritte", "Suite", "Próximos pasos", "次の手順"),
    "sources": ("Sources", "Quellen", "Sources", "Fuentes", "出典"),
}
_PROMPTS = {
    "en": ("Say what matters most.", "Give the evidence and its source.", "Say what follows from it."),
    "de": ("Was ist am wichtigsten?", "Beleg und Quelle nennen.", "Was folgt daraus?"),
    "fr": ("Dire l’essentiel.", "Donner la preuve et sa source.", "Dire ce qui en découle."),
    "es": ("Decir lo más importante.", "Dar la prueba y su fuente.", "Decir qué se deduce de ello."),
    "ja": ("要点を述べる。", "根拠と出典を示す。", "結論を述べる。"),
}
TEMPLATES = MappingProxyType(
    {
        "report": ("summary", "background", "method", "findings", "risks", "next", "sources"),
        "proposal": ("summary", "question", "offer", "schedule", "costs", "next"),
        "study": ("summary", "question", "background", "method", "findings", "sources"),
        "brief": ("summary", "findings", "next"),
    }
)
"""The sections of each kind of document, in order."""
LANGUAGES = tuple(_PROMPTS)


@dataclass(frozen=True, slots=True)
class Draft:
    """What was ordered."""

    template: str
    title: str
    language: str
    pages: int

    def texts(self) -> Iterator[str]:
        """Its pages, one after the other."""
        yield f"{self.title}\n\n{_page(self.template, self.language, self.pages, 1)}"
        for n in range(2, self.pages + 1):
            yield _page(self.template, self.language, self.pages, n)


def file_name(title: str) -> str:
    """What a browser calls the file of the document with this title."""
    kept = "".join(letter if letter.isalnum() or letter in "-_" else " " for letter in title)
    return f"{' '.join(kept.split())[:80] or 'document'}.txt"


def ordered(template: str, title: str, language: str, pages: int) -> Draft:
    """A draft that can be made.

    Raises:
        Invalid: there is no such template or language, or no such number of pages.
    """
    if template not in TEMPLATES:
        raise Invalid(f"There is no template “{template}”. There are: {', '.join(TEMPLATES)}.")
    if language not in LANGUAGES:
        raise Invalid(f"No document can be made in “{language}”. Choose one of: {', '.join(LANGUAGES)}.")
    if not 1 <= pages <= MOST_PAGES:
        raise Invalid(f"A document has 1 to {MOST_PAGES} pages, not {pages:,}.")
    return Draft(template, title, language, pages)


@cache
def _page(template: str, language: str, pages: int, n: int) -> str:
    """Page ``n`` of ``pages``; sections share the pages evenly, and share pages where there are few."""
    sections = TEMPLATES[template]
    first, stop = ((n - 1) * len(sections)) // pages, (n * len(sections) - 1) // pages + 1
    column = LANGUAGES.index(language)
    parts = [f"— {n} / {pages} —"]
    for section in sections[first : max(stop, first + 1)]:
        parts.append(_SECTIONS[section][column])
        parts += [f"  · {prompt}" for prompt in _PROMPTS[language]]
    return "\n".join(parts) + "\n\n"
