"""Short marketing prompts in many languages, with the encodings in which older programs save them."""

from collections.abc import Iterator

WESTERN, CENTRAL = ("cp1252", "mac_roman", "iso8859_15"), ("cp1250", "iso8859_2")
RUSSIAN = ("cp1251", "koi8_r", "iso8859_5", "mac_cyrillic", "cp866")

LANGUAGES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "fr": (
        (
            "un café à emporter sur une table en bois, lumière dorée",
            "une robe d'été qui flotte au vent, mouvement lent",
            "crème hydratante près d'une fenêtre, été",
            "« Offre spéciale » : -20 % sur les vêtements",
            "garçon qui court sur la plage, ciel bleu, très net",
        ),
        WESTERN,
    ),
    "de": (
        (
            "ein roter Kreis schwebt über weißem Grund",
            "grüne Äpfel in einer Schüssel, schönes Licht",
            "Frühling in München, Straße mit Bäumen",
            "Mädchen trinkt Kaffee, große Tasse, ruhige Kamera",
            "Rabatt für Kunden: 5 € günstiger",
        ),
        WESTERN,
    ),
    "es": (
        (
            "un niño corre por la playa al atardecer",
            "botella de champú sobre mármol, luz cálida",
            "oferta de otoño: 20 € menos",
            "un círculo rojo sobre un fondo blanco, movimiento rápido",
            "señora con paraguas, lluvia, cámara lenta, ¡qué bonito!",
        ),
        WESTERN,
    ),
    "pt": (
        (
            "uma xícara de café em cima da mesa, luz da manhã",
            "promoção de verão: sapatos com desconto",
            "coração vermelho pulsando, fundo branco",
            "mulher dançando na praia ao pôr do sol",
            "não perca, só até domingo",
        ),
        WESTERN,
    ),
    "it": (
        (
            "una tazza di caffè su un tavolo, luce calda",
            "città di notte, perché no",
            "qualità superiore a metà prezzo",
            "un cerchio rosso che si muove più in là",
            "ragazza che beve tè, novità di primavera",
        ),
        WESTERN,
    ),
    "nl": (
        (
            "een rode cirkel op een witte achtergrond, één beweging",
            "geïnspireerd door de zee, crème kleuren",
            "café aan de gracht, reünie met vrienden",
        ),
        WESTERN,
    ),
    "sv": (
        (
            "en röd cirkel på vit bakgrund",
            "kaffekopp på träbord, mjukt ljus, långsam kamera",
            "vår nya kollektion för hösten",
            "älg i skogen vid sjön",
            "blå båt på havet",
        ),
        WESTERN,
    ),
    "da": (
        (
            "en rød cirkel på hvid baggrund",
            "kaffekop på træbord, blødt lys",
            "ny kollektion til foråret",
            "pige løber på stranden",
        ),
        WESTERN,
    ),
    "no": (
        (
            "en rød sirkel på hvit bakgrunn",
            "kaffekopp på trebord, mykt lys, sjø",
            "ny kolleksjon til våren",
            "jente løper på stranden",
        ),
        WESTERN,
    ),
    "fi": (
        (
            "punainen ympyrä valkoisella taustalla",
            "kahvikuppi pöydällä, lämmin valo",
            "syksyn uudet värit täällä",
            "tyttö juoksee järven rannalla",
        ),
        WESTERN,
    ),
    "is": (
        (
            "rauður hringur á hvítum bakgrunni",
            "kaffibolli á borði, mjúkt ljós þegar sólin sest",
            "ný lína fyrir vorið",
        ),
        ("cp1252",),
    ),
    "pl": (
        (
            "czerwony kubek na białym tle, łagodne światło",
            "żółta sukienka powiewa na wietrze",
            "świeża kawa w kawiarni, książka i ciastko",
            "dziewczyna biegnie po plaży o świcie",
            "wiosenna wyprzedaż: zniżki do 50%",
        ),
        CENTRAL,
    ),
    "cs": (
        (
            "červený kruh na bílém pozadí",
            "žlutý hrnek na dřevěném stole, měkké světlo",
            "dívka běží po pláži při západu slunce",
            "jarní kolekce, sleva až 50 %",
            "křišťálová sklenice s vodou",
        ),
        CENTRAL,
    ),
    "sk": (
        (
            "červený kruh na bielom pozadí",
            "žltý hrnček na drevenom stole, mäkké svetlo",
            "dievča beží po pláži, ľahký vietor",
            "jarná kolekcia, zľava až 50 %",
        ),
        CENTRAL,
    ),
    "hu": (
        (
            "piros kör fehér háttéren",
            "csésze kávé az asztalon, meleg fény",
            "őszi kollekció, most 20% kedvezménnyel",
            "lány fut a tengerparton, lassú mozgás",
            "gyönyörű üveg sűrű ködben",
        ),
        CENTRAL,
    ),
    "hr": (
        (
            "crveni krug na bijeloj pozadini, žuto svjetlo",
            "šalica kave na stolu, topla svjetlost",
            "djevojka trči po plaži, čist zrak",
            "proljetna kolekcija već u trgovinama",
        ),
        CENTRAL,
    ),
    "sl": (
        (
            "rdeč krog na belem ozadju",
            "skodelica kave na leseni mizi, nežna svetloba",
            "dekle teče po plaži, počasen posnetek",
        ),
        CENTRAL,
    ),
    "ro": (
        (
            "o ceaşcă de cafea pe masă, lumină caldă",
            "fată care aleargă pe plajă",
            "colecţia de primăvară, reduceri până la 50%",
            "cerc roşu pe fundal alb, mişcare lentă",
        ),
        CENTRAL,
    ),
    "ru": (
        (
            "красный круг на белом фоне",
            "чашка кофе на столе, мягкий свет",
            "весенняя распродажа: скидки до 50%",
            "девушка бежит по пляжу на закате",
            "бутылка воды, капли, крупный план",
        ),
        RUSSIAN,
    ),
    "uk": (
        (
            "червоне коло на білому тлі",
            "чашка кави на столі, м'яке світло",
            "дівчина біжить пляжем на заході сонця",
            "весняний розпродаж, знижки до 50%",
        ),
        ("cp1251", "koi8_u", "mac_cyrillic"),
    ),
    "bg": (
        (
            "червен кръг на бял фон",
            "чаша кафе на масата, мека светлина",
            "момиче тича по плажа",
            "пролетна разпродажба",
        ),
        ("cp1251", "iso8859_5"),
    ),
    "sr": (
        (
            "црвени круг на белој позадини",
            "шоља кафе на столу, топла светлост",
            "девојка трчи по плажи",
        ),
        ("cp1251", "iso8859_5"),
    ),
    "el": (
        (
            "ένας κόκκινος κύκλος σε λευκό φόντο",
            "φλιτζάνι καφέ στο τραπέζι, απαλό φως",
            "κορίτσι τρέχει στην παραλία",
            "ανοιξιάτικη συλλογή με έκπτωση",
        ),
        ("cp1253", "iso8859_7"),
    ),
    "tr": (
        (
            "beyaz zemin üzerinde kırmızı daire",
            "ahşap masada bir fincan kahve, yumuşak ışık",
            "kız sahilde koşuyor, gün batımı",
            "ilkbahar indirimi: ayakkabılar yarı fiyatına",
        ),
        ("cp1254", "iso8859_9"),
    ),
    "he": (
        (
            "עיגול אדום על רקע לבן",
            "כוס קפה על השולחן, אור רך",
            "ילדה רצה על החוף",
            "מבצע אביב",
        ),
        ("cp1255", "iso8859_8"),
    ),
    "ar": (
        (
            "دائرة حمراء على خلفية بيضاء",
            "فنجان قهوة على الطاولة، ضوء ناعم",
            "فتاة تركض على الشاطئ",
            "تخفيضات الربيع",
        ),
        ("cp1256", "iso8859_6"),
    ),
    "lt": (
        (
            "raudonas apskritimas baltame fone, švelni šviesa",
            "kavos puodelis ant medinio stalo, šilta šviesa",
            "mergaitė bėga paplūdimiu",
            "pavasario išpardavimas jau čia",
        ),
        ("cp1257", "iso8859_13"),
    ),
    "lv": (
        (
            "sarkans aplis uz balta fona",
            "kafijas tase uz galda, maiga gaisma, lēna kustība",
            "meitene skrien pa pludmali",
            "pavasara izpārdošana, līdz 50% atlaides",
        ),
        ("cp1257", "iso8859_13"),
    ),
    "et": (
        (
            "punane ring valgel taustal, õrn valgus",
            "kohvitass laual, soe päike",
            "tüdruk jookseb rannas",
            "kevadine allahindlus käib",
        ),
        ("cp1257", "cp1252"),
    ),
    "vi": (
        (
            "một vòng tròn đỏ trên nền trắng",
            "tách cà phê trên bàn, ánh sáng dịu",
        ),
        ("cp1258",),
    ),
    "th": (
        (
            "วงกลมสีแดงบนพื้นหลังสีขาว",
            "ถ้วยกาแฟบนโต๊ะ แสงนุ่ม",
            "เด็กผู้หญิงวิ่งบนชายหาด",
        ),
        ("cp874",),
    ),
    "zh": (
        (
            "红色圆圈在白色背景上",
            "一杯咖啡放在木桌上，柔和的光线",
            "女孩在海滩上奔跑，慢镜头",
            "春季促销，全场五折",
            "一只猫在雪地里",
        ),
        ("gbk",),
    ),
    "zt": (
        (
            "紅色圓圈在白色背景上",
            "一杯咖啡放在木桌上，柔和的光線",
            "女孩在海灘上奔跑，慢鏡頭",
            "春季促銷，全場五折",
            "產品特寫，水滴",
        ),
        ("big5",),
    ),
    "ja": (
        (
            "白い背景に赤い丸",
            "木のテーブルの上のコーヒー、やわらかい光",
            "女の子が海辺を走る、スローモーション",
            "春のセール、全品半額",
            "新製品の紹介動画",
        ),
        ("cp932", "euc_jp", "iso2022_jp"),
    ),
    "ko": (
        (
            "흰 배경 위의 빨간 원",
            "나무 탁자 위의 커피 한 잔, 부드러운 빛",
            "해변을 달리는 소녀, 느린 화면",
            "봄 세일, 전 품목 반값",
        ),
        ("cp949",),
    ),
}
"""Prompts and encodings by language."""


def sheets() -> Iterator[tuple[str, str, int, str]]:
    """Yield a language, an encoding, a number of rows, and the text of a sheet: each prompt alone, and all of them."""
    for language, (prompts, encodings) in LANGUAGES.items():
        for encoding in encodings:
            for rows in (*((prompt,) for prompt in prompts), prompts[:3], prompts):
                text = "prompt,notes\r\n" + "".join(f'"{row}",x\r\n' for row in rows)
                if not text.isascii() and _encodes(text, encoding):
                    yield language, encoding, len(rows), text


def _encodes(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
