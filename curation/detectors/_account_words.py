"""The words that announce an account, order, case or similar number, in the languages support mail is written in."""

from curation.detectors._words import words

_BY_KIND = {
    "order": "order orders purchase bestellung bestell auftrag auftrags commande commandes pedido pedidos encargo"
    " ordine ordini encomenda bestelling beställning ordre ordreid zamówienie zamówienia zamowienie objednávka"
    " objednávky tilaus comanda sipariş заказ заказа",
    "account": "account accounts acct acc acnt konto kontos compte cuenta conto conta rekening konta cont account-id"
    " bankaccount depot loan mortgage iban-less wallet login userid",
    "case": "case cases claim claims complaint incident docket dossier schadenfall schaden fall vorgang vorgangs"
    " aktenzeichen geschäftszeichen az sinistre réclamation expediente caso reclamación siniestro pratica sinistro"
    " processo zaak zaaks dossiernummer ärende sag sprawa sprawy",
    "ticket": "ticket tickets anfrage",
    "invoice": "invoice invoices bill rechnung rechnungs facture factures factura facturas fattura fatture fatura"
    " factuur faktura faktury receipt quote quotation",
    "customer": "customer customers client clients kunde kunden mandant cliente clientes klant klanten kund klient"
    " klienta zákazník asiakas buyer",
    "policy": "policy policies police versicherung versicherungs versicherungsschein polis póliza poliza polizza"
    " apólice insurance insured vertrag vertrags contract contracts contrat contrato contratto avtal kontrakt"
    " subscription abo abonnement",
    "membership": "membership member members mitglied mitglieds loyalty frequent flyer socio tessera lidmaatschap"
    " adhérent adherent bahncard clubcard",
    "reservation": "reservation reservations booking bookings confirmation buchung buchungs reservierung reservierungs"
    " réservation reserva prenotazione boeking bokning booking-ref pnr itinerary locator",
    "reference": "reference ref refs referenz référence referencia riferimento referência referentie referens",
    "shipment": "tracking shipment parcel consignment waybill awb sendung sendungs sendungsverfolgung paket suivi colis"
    " envío seguimiento spedizione rastreio zending",
    "transaction": "transaction transactions payment payments transaktion transaktions zahlung refund transacción pago"
    " transazione transactie transfer utr-ref",
    "employee": "employee staff personnel personal-nr mitarbeiter payroll empleado dipendente badge",
    "patient": "patient mrn medical health hospital chart beneficiary medicare medicaid prescription rx",
    "student": "student matriculation matrikel matricule matrícula-id enrolment enrollment",
    "serial": "serial serialnumber s/n sn seriennummer geräte gerätenummer",
    "bank_routing": "routing aba sort sortcode bsb blz bankleitzahl ifsc clabe",
    "vehicle_plate": "plate plates kennzeichen immatriculation targa nummernschild kenteken registrering",
    "vin": "vin chassis fahrgestell fahrgestellnummer bastidor telaio",
    "imei": "imei",
}
KINDS = {word: kind for kind, words in _BY_KIND.items() for word in words.split()}
"""The word right before a number (or before "number", "no.", "#") to the kind of number."""
SHY = words(
    "sort medical health hospital chart staff frequent flyer payment payments bill quote police fall sag caso cont"
    " conta member client contract"
)
"""Of these, words that mean something else as well: only with "number", "no." or the like between."""
NUMBER = words(
    "number numbers no nr num nos id ids # ° № code nummer nummern numero numéro número numeri n nº n° nr° nro nbr"
    " identifier key номер číslo sayı"
)
FILLERS = words(
    "is are was the my your our his her its it's this that of for a an and or with as be it ist lautet lauten und oder"
    " der die das mein meine meiner dein unsere est le la les de du des mon ma notre votre et es el mi su y es: o è il"
    " mio del della e é o meu da do het mijn van en är min mitt er under called new old online above below following"
    " reads wie wrong existing current original"
)
"""Words that may stand between: "my order number is", "account of the customer:"."""
NUMBER_ENDINGS = ("nummer", "nummern", "numret", "nr", "number", "numero", "-id", "zeichen")
COUNTING = words(
    "telefon tele tel handy mobil mobilfunk fax haus zimmer raum ruf rufnummer durchwahl seiten seite zeilen haupt"
    " telefoon huis serien-tel phone house room page line version versions port zeilen kenn pin post"
)
"""Stems whose compound counts, dials or addresses something else: `Telefonnummer`, `Hausnummer`."""
ABBREVIATED = words("no nr num nos acct acc ref refs inv id n nº art az st")
"""A full stop after these does not end a sentence."""
