"""Language codes of MP4 tracks: ISO 639-2, three letters."""

UNDETERMINED = "und"
_CODES = (
    "aa aar ab abk af afr ak aka am amh an arg ar ara as asm av ava ay aym az aze ba bak be bel bg bul bi bis bm bam "
    "bn ben bo bod br bre bs bos ca cat ce che ch cha co cos cr cre cs ces cv chv cy cym da dan de deu dv div dz dzo "
    "ee ewe el ell en eng eo epo es spa et est eu eus fa fas ff ful fi fin fj fij fo fao fr fra fy fry ga gle gd gla "
    "gl glg gn grn gu guj gv glv ha hau he heb hi hin hr hrv ht hat hu hun hy hye id ind ig ibo is isl it ita iu iku "
    "ja jpn jv jav ka kat kg kon ki kik kk kaz kl kal km khm kn kan ko kor ks kas ku kur kv kom kw cor ky kir la lat "
    "lb ltz lg lug li lim ln lin lo lao lt lit lv lav mg mlg mi mri mk mkd ml mal mn mon mr mar ms msa mt mlt my mya "
    "nb nob ne nep nl nld nn nno no nor ny nya oc oci om orm or ori os oss pa pan pl pol ps pus pt por qu que rm roh "
    "rn run ro ron ru rus rw kin sa san sc srd sd snd se sme sg sag si sin sk slk sl slv sm smo sn sna so som sq sqi "
    "sr srp ss ssw st sot su sun sv swe sw swa ta tam te tel tg tgk th tha ti tir tk tuk tl tgl tn tsn to ton tr tur "
    "ts tso tt tat ty tah ug uig uk ukr ur urd uz uzb ve ven vi vie wa wln wo wol xh xho yi yid yo yor za zha zh zho "
    "zu zul"
)
_WORDS = _CODES.split()
ISO_639_2 = dict(zip(_WORDS[::2], _WORDS[1::2], strict=True))
"""Terminology codes by ISO 639-1 code. Source: https://www.loc.gov/standards/iso639-2/php/code_list.php."""


def iso_639_2(locale: str) -> str:
    """Return the code of a language tag: ``deu`` of ``de-AT``; ``und`` if there is none."""
    language = locale.replace("_", "-").partition("-")[0].lower()
    if len(language) == 3 and language.isascii() and language.isalpha():
        return language
    return ISO_639_2.get(language, UNDETERMINED)
