"""The table of national and tax identifiers: how each is written, which check it has, which words announce it."""

from functools import cache
from itertools import pairwise
from typing import NamedTuple

from curation.detectors._words import CueSet, Words, cues


class Identifier(NamedTuple):
    """One kind of identifier."""

    kind: str
    check: str
    """Module of python-stdnum that validates it; empty where none does."""
    telling: tuple[str, ...]
    """Shapes few other things have: found without a cue."""
    plain: tuple[str, ...]
    """Shapes many other things have: found beside a cue, or by a checksum that is rare enough."""
    cues: CueSet
    bare: float = 0.0
    """Score of a valid plain shape without a cue; 0 where its checksum is too weak for that."""


def _known(kind: str, check: str, telling: str, plain: str, announced: str, bare: float = 0.0) -> Identifier:
    return Identifier(kind, check, _written(telling), _written(plain), cues(announced), bare)


def _written(shapes: str) -> tuple[str, ...]:
    return tuple(shape.strip() for shape in shapes.split("|") if shape.strip())


_TAX = "tax id, tax number, tax identification, tin, taxpayer, tax file"
_ID = "national id, id number, identity number, id card, identity card, personal number, personal code, citizen"

IDENTIFIERS: tuple[Identifier, ...] = (
    # North America
    _known("us_ssn", "us.ssn", "999-99-9999", "999 99 9999|999999999|999.99.9999",
           "ssn, ssns, social security, social, soc sec, social sec"),
    _known("us_itin", "us.itin", "999-99-9999", "999 99 9999|999999999", f"itin, {_TAX}"),
    _known("us_ein", "us.ein", "", "99-9999999|999999999", f"ein, employer identification, fein, {_TAX}"),
    _known("ca_sin", "ca.sin", "", "999-999-999|999 999 999|999999999",
           "sin, social insurance, nas, assurance sociale"),
    _known("mx_curp", "mx.curp", "AAAA999999AAAAAAA9|AAAA999999AAAAAA99", "", "curp"),
    _known("mx_rfc", "mx.rfc", "AAAA999999AA9|AAAA999999A99|AAAA999999AAA|AAAA9999999A9|AAAA99999999A|AAAA9999999AA",
           "AAAA999999999|AAAA99999999A|AAA999999AA9|AAA999999A99|AAA9999999A9|AAA999999AAA|AAA9999999AA|AAA999999999",
           "rfc, contribuyentes"),
    # United Kingdom and Ireland
    _known("uk_nino", "", "AA999999A|AA 99 99 99 A|AA-99-99-99-A|AA 999999 A", "",
           "nino, national insurance, ni number, ni no, insurance number"),
    _known("uk_nhs", "gb.nhs", "", "999 999 9999|999-999-9999|9999999999", "nhs, health service"),
    _known("uk_utr", "gb.utr", "", "9999999999|99999 99999",
           "utr, unique taxpayer, self assessment, taxpayer reference"),
    _known("ie_pps", "ie.pps", "9999999A|9999999AA", "", "pps, ppsn, personal public service, public service"),
    # Germany, Austria, Switzerland
    _known("de_idnr", "de.idnr", "99 999 999 999", "99999999999",
           "idnr, steuer-id, steuer id, steueridentifikationsnummer, steuerid, identifikationsnummer, tin"),
    _known("de_stnr", "de.stnr", "999/999/99999|99/999/99999|999/9999/9999|99 999 99999",
           "9999999999999|9999999999|99999999999",
           "steuernummer, steuer nummer, st nr, stnr, steuernr, finanzamt"),
    _known("de_social_insurance", "", "99 999999 A 999|99999999A999", "",
           "sozialversicherungsnummer, rentenversicherungsnummer, sv nummer, versicherungsnummer, rvnr"),
    _known("de_identity_card", "", "", "A99A99999|A999999999|A99AA9A99|AA9A9A999|A9999999A9|A99A999999|AA99A9999",
           "personalausweis, ausweisnummer, personalausweisnummer, ausweis"),
    _known("at_social_insurance", "at.vnr", "", "9999 999999|9999999999",
           "svnr, sozialversicherungsnummer, versicherungsnummer, sv"),
    _known("at_tin", "at.tin", "", "99-999/9999|999999999", "steuernummer, abgabenkontonummer"),
    _known("ch_ahv", "ch.ssn", "999.9999.9999.99|999 9999 9999 99", "9999999999999", "ahv, avs, navs, oasi, ahvn", 0.5),
    # France, Belgium, Netherlands, Luxembourg
    _known("fr_nir", "fr.nir",
           "9 99 99 99 999 999 99|9 99 99 99 999 999|9999999999999 99|9 99 9A 99 999 999 99|999999A99999999",
           "999999999999999",
           "nir, insee, sécurité sociale, securite sociale, sécu, numéro de sécu, vitale", 0.9),
    _known("fr_tin", "fr.nif", "", "99 99 999 999 999|9999999999999", "numéro fiscal, fiscal, spi, référence fiscale"),
    _known("fr_siret", "fr.siret", "999 999 999 99999", "99999999999999", "siret", 0.5),
    _known("fr_siren", "fr.siren", "", "999 999 999|999999999", "siren, rcs"),
    _known("be_national_number", "be.nn",
           "99.99.99-999.99|99.99.99-999-99|999999-999-99|999999-999.99|99-99-99-999-99", "99999999999|999999 999 99",
           "rijksregister, rijksregisternummer, registre national, national number, nn, insz, niss", 0.5),
    _known("nl_bsn", "nl.bsn", "", "999999999|9999.99.999|999 999 999|9999 99 999",
           "bsn, burgerservicenummer, sofinummer, sofi"),
    # Southern Europe
    _known("es_dni", "es.dni", "99999999A|99999999-A|99.999.999-A|99.999.999A", "", "dni, nif, documento nacional"),
    _known("es_nie", "es.nie", "A9999999A|A-9999999-A|A9999999-A|A-9999999A", "", "nie, extranjero"),
    _known("es_cif", "es.cif", "", "A99999999|A-99999999|A9999999A", "cif"),
    _known("it_codice_fiscale", "it.codicefiscale", "AAAAAA99A99A999A|AAA AAA 99A99 A999A", "",
           "codice fiscale, cf, fiscale"),
    _known("it_partita_iva", "it.iva", "", "99999999999|AA99999999999", "partita iva, p iva, piva, iva"),
    _known("pt_nif", "pt.nif", "", "999999999|999 999 999", "nif, contribuinte, número de contribuinte, fiscal"),
    _known("pt_cc", "pt.cc", "99999999 9 AA9|999999999AA9", "", "cartão de cidadão, cidadão, cc"),
    _known("gr_amka", "gr.amka", "", "99999999999", "amka, αμκα"),
    _known("gr_afm", "gr.vat", "", "999999999", "afm, αφμ, α φ μ"),
    # Northern Europe and the Baltic
    _known("se_personnummer", "se.personnummer", "999999-9999|99999999-9999", "9999999999|999999999999",
           "personnummer, personnr, samordningsnummer, pnr"),
    _known("no_fodselsnummer", "no.fodselsnummer", "999999 99999", "99999999999",
           "fødselsnummer, fodselsnummer, personnummer, fnr", 0.5),
    _known("dk_cpr", "dk.cpr", "999999-9999", "9999999999|999999 9999", "cpr, personnummer, cpr-nummer, cprnummer"),
    _known("fi_hetu", "fi.hetu", "999999-999A|999999A999A|999999-9999|999999A9999", "",
           "hetu, henkilötunnus, henkilötunnukseni"),
    _known("is_kennitala", "is_.kennitala", "999999-9999", "9999999999", "kennitala, kennitalan"),
    _known("ee_isikukood", "ee.ik", "", "99999999999", f"isikukood, {_ID}"),
    _known("lt_asmens_kodas", "lt.asmens", "", "99999999999", f"asmens kodas, {_ID}"),
    _known("lv_personas_kods", "lv.pvn", "999999-99999", "99999999999", f"personas kods, {_ID}"),
    # Central and Eastern Europe
    _known("pl_pesel", "pl.pesel", "", "99999999999", "pesel", 0.5),
    _known("pl_nip", "pl.nip", "999-999-99-99|999-99-99-999", "9999999999", "nip"),
    _known("cz_rodne_cislo", "cz.rc", "999999/9999|999999/999", "9999999999|999999999",
           "rodné číslo, rodne cislo, rč, rodného čísla"),
    _known("hu_anum", "hu.anum", "99999999-9-99", "99999999999", "adószám"),
    _known("ro_cnp", "ro.cnp", "", "9999999999999", "cnp, cod numeric personal", 0.5),
    _known("bg_egn", "bg.egn", "", "9999999999", "egn, егн"),
    _known("hr_oib", "hr.oib", "", "99999999999", "oib"),
    _known("si_emso", "si.emso", "", "9999999999999", "emšo, emso, jmbg", 0.5),
    _known("tr_kimlik", "tr.tckimlik", "", "99999999999|999 999 999 99",
           "tc kimlik, tckn, kimlik, t c kimlik, kimlik no", 0.5),
    _known("ru_inn", "ru.inn", "", "999999999999|9999999999", "inn, инн"),
    _known("ru_snils", "", "999-999-999 99", "99999999999", "snils, снилс"),
    _known("ua_rntrc", "ua.rntrc", "", "9999999999", "rnokpp, рнокпп, ипн, іпн"),
    # Latin America
    _known("br_cpf", "br.cpf", "999.999.999-99", "99999999999|999999999-99", "cpf", 0.5),
    _known("br_cnpj", "br.cnpj", "99.999.999/9999-99", "99999999999999", "cnpj", 0.5),
    _known("ar_cuit", "ar.cuit", "99-99999999-9", "99999999999", "cuit, cuil", 0.5),
    _known("ar_dni", "ar.dni", "", "99.999.999|99999999", "dni, documento nacional, documento"),
    _known("cl_rut", "cl.rut", "99.999.999-9|99.999.999-A|9.999.999-9|9.999.999-A|99999999-A",
           "99999999-9|9999999-9", "rut, run, rol único, rol unico"),
    _known("co_nit", "co.nit", "999.999.999-9", "9999999999|999999999-9", "nit"),
    _known("co_cedula", "", "", "9.999.999.999|9999999999|99.999.999|99999999",
           "cédula, cedula, cc, ciudadanía, ciudadania"),
    _known("ec_cedula", "ec.ci", "", "9999999999|999999999-9", "cédula, cedula"),
    _known("pe_dni", "", "", "99999999", "dni, documento nacional"),
    _known("pe_ruc", "pe.ruc", "", "99999999999", "ruc"),
    _known("uy_cedula", "", "9.999.999-9", "9999999-9", "cédula, cedula, ci"),
    _known("do_cedula", "do.cedula", "999-9999999-9", "99999999999", "cédula, cedula"),
    _known("cr_cedula", "cr.cpf", "", "9-9999-9999|99-9999-9999", "cédula, cedula"),
    _known("ve_rif", "ve.rif", "A-99999999-9", "A999999999", "rif"),
    # Asia and Oceania
    _known("in_aadhaar", "in_.aadhaar", "", "9999 9999 9999|9999-9999-9999|999999999999",
           "aadhaar, aadhar, adhaar, uidai, uid"),
    _known("in_pan", "in_.pan", "AAAAA9999A", "", "pan, permanent account"),
    _known("in_voter", "in_.epic", "", "AAA9999999", "epic, voter, voter id, election"),
    _known("cn_resident", "cn.ric", "99999999999999999A", "999999999999999999",
           "resident identity, identity card, shenfenzheng", 0.9),
    _known("jp_my_number", "", "", "9999 9999 9999|999999999999|9999-9999-9999",
           "my number, individual number, mynumber"),
    _known("kr_rrn", "kr.rrn", "999999-9999999", "9999999999999", "rrn, resident registration, jumin", 0.5),
    _known("th_id", "th.pin", "9-9999-99999-99-9|9 9999 99999 99 9", "9999999999999", f"thai id, {_ID}"),
    _known("id_nik", "id.nik", "", "9999999999999999", "nik, ktp, kependudukan"),
    _known("my_nric", "my.nric", "999999-99-9999", "999999999999", "nric, mykad, kad pengenalan, ic number, ic no"),
    _known("sg_nric", "", "", "A9999999A", "nric, fin number, fin no, fin, ic number, identity card"),
    _known("hk_id", "", "A999999(9", "A9999999|AA9999999", "hkid, hong kong id, hong kong identity"),
    _known("pk_cnic", "pk.cnic", "99999-9999999-9", "9999999999999", "cnic, nic"),
    _known("tw_id", "", "", "A999999999", "taiwan id, national id, arc number"),
    _known("il_id", "il.idnr", "", "999999999|9-9999999-9", "teudat zehut, israeli id, teudat, תעודת זהות, ת ז"),
    _known("eg_id", "eg.tn", "", "999-999-999", _TAX),
    _known("au_tfn", "au.tfn", "", "999 999 999|999999999|999-999-999|99999999", "tfn, tax file"),
    _known("au_abn", "au.abn", "99 999 999 999", "99999999999", "abn, business number", 0.5),
    _known("au_medicare", "", "", "9999 99999 9|9999999999|9999-99999-9", "medicare"),
    _known("nz_ird", "nz.ird", "", "99-999-999|999-999-999|99999999|999999999|999 999 999", "ird, inland revenue"),
    # Africa
    _known("za_id", "za.idnr", "", "9999999999999|999999 9999 999|999999 9999 99 9",
           "sa id, rsa id, south african id, id number, id no, identity number, id", 0.5),
    _known("ke_pin", "ke.pin", "", "A999999999A", "kra, kra pin, pin"),
    _known("gh_tin", "gh.tin", "", "A9999999999", _TAX),
    _known("ng_nin", "", "", "99999999999", "nin, bvn"),
)  # fmt: skip
"""Where several share a shape the first that is valid and has a cue names the kind; see `NationalId`."""

VAT = (
    "AA99999999|AA999999999|AA9999999999|AA99999999999|AA999999999999|AAA99999999|AA999999999A99|AA9999999A|AA9999999AA"
    "|AA99999999A|AAA9999999A|AA999 9999 99|AA 999 9999 99|AA 999999999|AA 99999999|AA 99999999999"
)
"""Shapes of value added tax numbers of the European Union and the United Kingdom."""
VAT_CUES = cues(
    "vat, vat number, vat no, ust-id, ust id, ustid, ustidnr, umsatzsteuer, tva, iva, btw, mwst, moms, uid, alv, vies"
)


@cache
def by_cue() -> dict[str, tuple[tuple[str, Identifier], ...]]:
    """The last word of every cue, with the cue (empty where it is that word alone) and what it announces."""
    table: dict[str, tuple[tuple[str, Identifier], ...]] = {}
    for known in IDENTIFIERS:
        phrases = [(phrase.split()[-1], phrase) for phrase in known.cues.phrases]
        for last, phrase in (*((word, "") for word in known.cues.words), *phrases) if known.check else ():
            table[last] = (*table.get(last, ()), (phrase, known))
    return table


def may_announce(words: Words) -> bool:
    """Whether a cue may stand among some words: one of a single word, or the last two of a longer one."""
    single, lasts, pairs = cue_words()
    if not single.isdisjoint(words):
        return True
    return not lasts.isdisjoint(words) and not pairs.isdisjoint(pairwise(words))


@cache
def cue_words() -> tuple[frozenset[str], frozenset[str], frozenset[tuple[str, str]]]:
    """Of all cues: single words, the last words of phrases, and the last two words of phrases."""
    phrases = [phrase.split() for found in by_cue().values() for phrase, _ in found if phrase]
    single = frozenset(last for last, found in by_cue().items() if any(not phrase for phrase, _ in found))
    return single, frozenset(phrase[-1] for phrase in phrases), frozenset((a, b) for *_, a, b in phrases)


@cache
def by_shape() -> dict[str, tuple[tuple[Identifier, bool], ...]]:
    """Every shape with the identifiers that have it, and whether it is telling for each."""
    table: dict[str, tuple[tuple[Identifier, bool], ...]] = {}
    vat = Identifier("vat", "eu.vat", (), _written(VAT), VAT_CUES, 0.5)
    british = Identifier("vat", "gb.vat", (), (*_written(VAT), "999 9999 99"), VAT_CUES, 0.0)
    for known in (*IDENTIFIERS, vat, british):
        for shape, telling in (*((s, True) for s in known.telling), *((s, False) for s in known.plain)):
            table[shape] = (*table.get(shape, ()), (known, telling))
    return table


@cache
def spaced_by_first_group() -> dict[str, tuple[str, ...]]:
    """The shapes with spaces, longest first, by what stands before their first space."""
    table: dict[str, tuple[str, ...]] = {}
    for written in sorted((s for s in by_shape() if " " in s), key=len, reverse=True):
        first = written.partition(" ")[0]
        table[first] = (*table.get(first, ()), written)
    return table
