"""Names of invented people and teams, in many scripts and lengths, and how each looks in an e-mail address."""

import unicodedata
from dataclasses import dataclass

_NOT_DECOMPOSED = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ß": "ss", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ı": "i", "’": "", "'": ""}
)


@dataclass(frozen=True, slots=True)
class Person:
    """A name as its bearer writes it, and in plain Latin letters for an address."""

    name: str
    plain: str


@dataclass(frozen=True, slots=True)
class Locale:
    """First and last names of one language, each as (written, plain). ``family_first`` joins without a space."""

    given: tuple[tuple[str, str], ...]
    family: tuple[tuple[str, str], ...]
    family_first: bool = False

    def person(self, given: int, family: int) -> Person:
        """The person with these two names; indices wrap around."""
        (first, first_plain), (last, last_plain) = (
            self.given[given % len(self.given)],
            self.family[family % len(self.family)],
        )
        written = f"{last}{first}" if self.family_first else f"{first} {last}".strip()
        return Person(written, f"{first_plain}.{last_plain}".strip("."))


def plain(text: str) -> str:
    """Latin letters without their marks: ``Łukasz`` becomes ``lukasz``."""
    bare = unicodedata.normalize("NFKD", text.lower().translate(_NOT_DECOMPOSED))
    return "".join(letter for letter in bare if letter.isascii() and (letter.isalnum() or letter in ".-"))


def _latin(given: str, family: str) -> Locale:
    first, last = (tuple((word, plain(word)) for word in words.split()) for words in (given, family))
    return Locale(first, last)


def _other(given: str, given_plain: str, family: str, family_plain: str, *, family_first: bool = False) -> Locale:
    pairs = [(given, given_plain), (family, family_plain)]
    first, last = (tuple(zip(written.split(), bare.split(), strict=True)) for written, bare in pairs)
    return Locale(first, last, family_first)


LOCALES = {
    "en": _latin(
        "Olivia Amelia Jack Noah Isla Harry Grace Theo Ruby Callum Eilidh Rhys Bo Al",
        "Smith Jones Okafor O'Brien Fitzgerald Wright Ashworth Clarke Ng Wu Featherstonehaugh Doe",
    ),
    "de": _latin(
        "Jürgen Anneliese Björn Käthe Lukas Mia Sören Ulrike Jörg Leonie Götz Heike",
        "Müller Schröder Weiß Großmann Übelacker König Krüger Vogel Jäger Bößmann Zöllner Lindner",
    ),
    "fr": _latin(
        "Zoé Éloïse Benoît Hélène François Gaëlle Noël Inès Loïc Maëlys Anaïs Théo",
        "Lefèvre Garçon Dubois Noël Beauséjour Castaño Rénier Hérault Brûlé Lemaître Vasseur Faÿ",
    ),
    "es": _latin(
        "Íñigo Begoña Martín Lucía Sofía Ángel Nuria Óscar Concepción Joaquín Ximena Raúl",
        "Núñez García Ibáñez Muñoz Peña Yáñez Zúñiga Echeverría Gómez Ortuño Cárdenas Ruiz",
    ),
    "pl": _latin(
        "Łukasz Małgorzata Grażyna Święcisław Żaneta Paweł Zofia Błażej Jędrzej Bożena",
        "Wójcik Kowalczyk Dąbrowska Źrebiec Gołąb Żółkiewski Śliwa Pawłowska Ćwik Brzęczyszczykiewicz",
    ),
    "cs": _latin(
        "Jiří Šárka Tomáš Žofie Ondřej Eliška Řehoř Květa Matěj Zdeňka",
        "Novák Dvořáková Černý Růžičková Šťastný Vlček Ječmínek Kříž Beneš Žižka",
    ),
    "tr": _latin(
        "Gülşah Çağlar Ömer İpek Şükrü Ayşe Doğan Işıl Uğur Özlem",
        "Yılmaz Çelik Öztürk Şahin Güneş Kılıç Aydın Ünal Koç Işık",
    ),
    "vi": _latin("Thảo Đức Hương Quỳnh Minh Ngọc Tuấn Phượng Bình Yến", "Nguyễn Trần Phạm Đặng Bùi Võ Đỗ Ngô Lý Hồ"),
    "nordic": _latin(
        "Søren Åse Þórdís Guðrún Bjørn Öyvind Ástríður Freyja Aino Väinö",
        "Ødegård Jónsdóttir Ångström Sæther Mäkinen Kjær Þorsteinsson Bø Hämäläinen Strøm",
    ),
    "el": _other(
        "Ελένη Γιώργος Αικατερίνη Δημήτρης Σοφία Νίκος Χρυσάνθη Θανάσης Ιωάννα Πέτρος",
        "eleni giorgos aikaterini dimitris sofia nikos chrysanthi thanasis ioanna petros",
        "Παπαδοπούλου Καραγιάννης Οικονόμου Αθανασίου Βλάχος Γεωργίου Ζαχαρίου Μάνος",
        "papadopoulou karagiannis oikonomou athanasiou vlachos georgiou zachariou manos",
    ),
    "ru": _other(
        "Екатерина Дмитрий Ольга Сергей Анастасия Фёдор Юлия Игорь Любовь Артём",
        "ekaterina dmitry olga sergey anastasia fyodor yulia igor lyubov artyom",
        "Иванова Щербаков Кузнецова Жуков Чайковская Соколов Морозова Ёлкин",
        "ivanova shcherbakov kuznetsova zhukov chaikovskaya sokolov morozova yolkin",
    ),
    "uk": _other(
        "Олена Андрій Ірина Богдан Ганна Євген Їжак Соломія",
        "olena andriy iryna bohdan hanna yevhen yizhak solomiia",
        "Шевченко Коваленко Бондар Ткачук Кравець Лисенко Ґалаґан Мельник",
        "shevchenko kovalenko bondar tkachuk kravets lysenko galagan melnyk",
    ),
    "ar": _other(
        "فاطمة محمد ليلى أحمد نور خالد مريم يوسف سارة عمر",
        "fatima mohammed layla ahmad noor khaled maryam yousef sara omar",
        "الحسيني العلي حداد الخطيب منصور النجار صالح درويش",
        "alhusseini alali haddad alkhatib mansour alnajjar saleh darwish",
    ),
    "he": _other(
        "נועה דוד תמר יונתן שירה אורי מיכל איתן",
        "noa david tamar yonatan shira ori michal eitan",
        "כהן לוי מזרחי פרץ ביטון אברהם פרידמן",
        "cohen levi mizrahi peretz biton avraham friedman",
    ),
    "zh": _other(
        "娜 伟 秀英 小明 静怡 建国 雨桐 子轩 芳 浩然",
        "na wei xiuying xiaoming jingyi jianguo yutong zixuan fang haoran",
        "李 王 张 刘 陈 欧阳 赵 司马 孙 周",
        "li wang zhang liu chen ouyang zhao sima sun zhou",
        family_first=True,
    ),
    "ja": _other(
        "さくら 太郎 美咲 健一 陽菜 翔太 由美子 蓮 葵 龍之介",
        "sakura taro misaki kenichi hina shota yumiko ren aoi ryunosuke",
        "佐藤 鈴木 高橋 田中 渡辺 小林 長谷川 西園寺 東",
        "sato suzuki takahashi tanaka watanabe kobayashi hasegawa saionji azuma",
        family_first=True,
    ),
    "ko": _other(
        "민준 서연 지우 하은 도윤 수아 예준 지민",
        "minjun seoyeon jiwoo haeun doyun sua yejun jimin",
        "김 이 박 최 정 강 황보 남궁",
        "kim lee park choi jung kang hwangbo namgung",
        family_first=True,
    ),
    "hi": _other(
        "अनन्या राहुल प्रिया विक्रम काव्या अर्जुन दीपिका रोहन",
        "ananya rahul priya vikram kavya arjun deepika rohan",
        "शर्मा गुप्ता सिंह पाटील अय्यर चौधरी मेहता जोशी",
        "sharma gupta singh patil iyer chaudhary mehta joshi",
    ),
    "th": _other(
        "สมชาย กัญญา ปิยะ ณัฐวุฒิ อรุณี ธนากร พิมพ์ชนก วิชัย",
        "somchai kanya piya natthawut arunee thanakorn pimchanok wichai",
        "ศรีสุข วงศ์สวัสดิ์ แก้วมณี บุญมี ทองดี จันทร์เพ็ญ",
        "srisuk wongsawat kaewmanee boonmee thongdee chanpen",
    ),
}

SPECIAL = (
    Person("Maria da Conceição de Albuquerque e Vasconcelos Sotto-Mayor", "maria.sotto-mayor"),
    Person("Karl-Theodor Maximilian Freiherr von und zu Hohenfels-Lindau", "karl-theodor.hohenstein"),
    Person("Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh Hubert", "hubert.wolfe"),
    Person("Siobhán Ní Dhomhnaill-O’Shaughnessy", "siobhan.oshaughnessy"),
    Person("Bo", "bo"),
    Person("X Æ", "x.ae"),
    Person("Nguyễn Phúc Vĩnh San Hoàng Thị Kim Cúc", "kim.cuc"),
)
"""Names that break what only expects names of two parts and of middling length."""


@dataclass(frozen=True, slots=True)
class Firm:
    """An invented customer: its name, the domain of its people below an example domain, their languages, its money."""

    name: str
    domain: str
    locales: tuple[str, ...]
    currency: str


FIRMS = tuple(
    Firm(name, domain, tuple(locales.split()), currency)
    for name, domain, locales, currency in (
        ("Nordlicht Verlag", "nordlicht.example.com", "de nordic", "EUR"),
        ("Acme Translations", "acme.example.com", "en", "USD"),
        ("さくら出版", "sakura.example.com", "ja", "JPY"),
        ("Blå Fjord Research", "blaafjord.example.org", "nordic en", "EUR"),
        ("Żółw i Synowie", "zolw.example.com", "pl", "EUR"),
        ("Η Ελληνική Γραφή", "grafi.example.org", "el", "EUR"),
        ("Бюро переводов «Слово»", "slovo.example.com", "ru", "EUR"),
        ("شركة النور للنشر", "alnoor.example.com", "ar", "USD"),
        ("אור ספרים", "orsfarim.example.com", "he", "USD"),
        ("北京智文科技", "zhiwen.example.com", "zh", "USD"),
        ("한빛 콘텐츠", "hanbit.example.com", "ko", "USD"),
        ("ज्ञान प्रकाशन", "gyan.example.com", "hi", "USD"),
        ("สำนักพิมพ์รุ่งอรุณ", "rungarun.example.com", "th", "USD"),
        ("Crème Brûlée Médias", "creme.example.com", "fr", "EUR"),
        ("Ñandú Editorial", "nandu.example.com", "es", "EUR"),
        ("Příběhy s.r.o.", "pribehy.example.com", "cs", "EUR"),
        ("Güneş Danışmanlık", "gunes.example.com", "tr", "EUR"),
        ("Hương Việt Studio", "huongviet.example.com", "vi", "USD"),
        ("Київська друкарня", "drukarnia.example.com", "uk", "EUR"),
        ("大阪マーケティング研究所", "osaka-mri.example.com", "ja en", "JPY"),
        ("Harbour & Quay", "harbour.example.com", "en", "USD"),
        ("Größenwahn GmbH & Co. KG", "groessenwahn.example.com", "de", "EUR"),
        ("O2", "o2.example.net", "en", "USD"),
        ("The Quite Long Company Name of Brothers, Sisters & Daughters", "quitelong.example.net", "en fr", "USD"),
        ("Weiß & Söhne", "weiss.example.com", "de", "EUR"),
        ("Studio Íris", "iris.example.com", "es fr", "EUR"),
        ("Kaamos Oy", "kaamos.example.com", "nordic", "EUR"),
        ("Lotus Analytics", "lotus.example.com", "hi en vi", "USD"),
        ("京都書房", "kyoto.example.com", "ja", "JPY"),
        ("Mare Nostrum Università", "marenostrum.example.org", "es fr en", "EUR"),
        ("Atlas & Compass", "atlas.example.com", "en", "USD"),
        ("Pierogi Analytics", "pierogi.example.com", "pl en", "EUR"),
        ("Quantum Teapot", "teapot.example.net", "en zh", "USD"),
        ("Red Panda Publishing", "redpanda.example.com", "zh en", "USD"),
        ("São Brás Editores", "saobras.example.com", "es", "EUR"),
        ("Tundra Insurance", "tundra.example.com", "nordic en", "EUR"),
        ("Ursa Minor Observatory", "ursa.example.org", "en el", "USD"),
        ("Vélo Cartographie", "velo.example.com", "fr", "EUR"),
        ("Wattle & Daub Architects", "wattle.example.com", "en", "USD"),
        ("Yamabiko 放送", "yamabiko.example.com", "ja", "JPY"),
    )
)
