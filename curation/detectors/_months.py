"""The names of the months, and their short forms, in the languages dates are written in."""

from curation.detectors._words import words

MONTHS = words(  # English
    "january february march april may june july august september october november december"
    " jan feb mar apr jun jul aug sep sept oct nov dec"
    # German
    " januar jänner jaenner februar feber märz maerz mai juni juli oktober dezember okt dez mär mrz"
    # French
    " janvier février fevrier mars avril juin juillet août aout septembre octobre novembre décembre decembre"
    " janv févr fevr avr juil déc"
    # Spanish
    " enero febrero marzo abril mayo junio julio agosto septiembre setiembre octubre noviembre diciembre"
    " ene abr ago dic"
    # Italian
    " gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre gen mag giu lug set ott"
    # Portuguese
    " janeiro fevereiro março marco maio junho julho setembro outubro novembro dezembro fev abr mai out dez"
    # Dutch
    " januari februari maart mei augustus mrt"
    # Swedish, Danish, Norwegian
    " augusti marts maj juni juli august desember des"
    # Finnish
    " tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta syyskuuta lokakuuta"
    " marraskuuta joulukuuta"
    # Polish
    " stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia"
    # Czech and Slovak
    " ledna února března dubna května června července srpna září října listopadu prosince januára februára marca"
    " apríla mája júna júla augusta septembra októbra novembra decembra"
    # Hungarian
    " január február március április május június július augusztus szeptember október"
    # Romanian
    " ianuarie februarie martie aprilie iunie iulie septembrie octombrie noiembrie decembrie"
    # Turkish
    " ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık"
    # Russian and Ukrainian
    " января февраля марта апреля мая июня июля августа сентября октября ноября декабря"
    " січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня"
    # Greek
    " ιανουαρίου φεβρουαρίου μαρτίου απριλίου μαΐου μαίου ιουνίου ιουλίου αυγούστου σεπτεμβρίου οκτωβρίου νοεμβρίου"
    " δεκεμβρίου"
)
"""In lower case."""

MONTH_ENDINGS = frozenset(month[-3:] for month in MONTHS)
"""The last three letters of each."""

SHY_MONTHS = words(
    "may march mar mars mai set gen mag out ago dic des dez marco mei maj mart ekim ocak jan sep dec apr jul jun oct"
    " nov aug feb"
)
"""Also common words, names of variables or names of people: a month only with a capital letter or a year."""
