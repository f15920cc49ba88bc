"""Texts in other languages turned into English words, as far as a small dictionary of customer service goes.

The bundled embedding model knows English best, and words meet in full text only if they are of one language. A gloss is
no translation: words without an entry stay as they are, and grammar goes.
"""

import re
from functools import lru_cache

from services.agent.domain.terms import fold, word_set

LANGUAGES = ("es", "de", "fr", "pt", "it", "hi")

# A line a meaning: English, then the folded words of each of LANGUAGES; a star stands for any ending, a dash for none.
_TABLE = """
password | contrasena* clave* | passwort* passworter* kennwort* | mot mdp | senha* palavra-passe | password parola | password
forgot | olvid* | vergess* vergass* | oubli* | esquec* | dimentic* scord* | bhool* bhul*
sign in | entrar inici* sesion acced* ingres* | anmeld* einlogg* login | connect* connexion | entrar login acessar acess* | acced* entrare login | login
sign out | cerrar | abmeld* auslogg* | deconnect* | sair | uscire esco | logout
reset | restablec* | zurucksetz* | reinitialis* | redefin* | reimpost* ripristin* | reset
account | cuenta* | konto konten kontos | compte* | conta contas | account conto | account khata
user | usuari* | benutzer* nutzer* anwender* | utilisateur* | usuari* utilizador* | utent* | user
colleague | companer* coleg* | kolleg* | collegu* | coleg* | collega colleghi colleghe | saathi
employee | emplead* trabajador* | mitarbeit* angestellt* | employe* salari* | funcionari* emprega* | dipendent* impiegat* | karmachari
customer | client* | kund* | client* | client* | client* | grahak
company | empresa* | firma* firmen* unternehmen* betrieb* | entreprise* societe* | empresa* | aziend* societa ditta | company kampani
team | equipo* | team mannschaft | equipe* | equipe* time | squadra team gruppo | team
owner | propietari* dueno* | eigentumer* inhaber* besitzer* | proprietaire* | proprietari* dono | proprietari* titolar* | malik
administrator | administrador* | administrator* | administrateur* | administrador* | amministrator* | admin
guest | invitad* | gast gaste* gasten | invite* | convidad* | ospit* | guest mehman
invite | invit* | einlad* eingelad* | invit* | convid* convit* | invit* | invite
role | rol roles | rolle* | role* | papel papeis funcao | ruol* | role
permission | permis* | berechtig* recht rechte | autoris* droit* | permiss* | permess* autorizz* | permission ijazat
right | derech* | recht rechte | droit* | direit* | diritt* | haq
access | acceso* | zugang* zugriff* | acces | acesso* | access* | access pahunch
add | anad* agreg* | hinzufug* erganz* | ajout* | adicion* acrescent* | aggiung* | jod* jud*
remove | quit* | entfern* | retir* enlev* | remov* tir* | rimuov* toglier* | hata*
delete | borr* elimin* | losch* geloscht* | supprim* effac* | apag* exclu* elimin* | elimin* cancell* | delete mita*
restore | recuper* restaur* | wiederherstell* | restaur* recuper* | recuper* restaur* | ripristin* recuper* | wapas
create | crear crea* cre* | erstell* anleg* anzuleg* | creer cree* | criar cria* | crear* crei creo | bana*
change | cambi* modific* | ander* wechsel* geandert* | chang* modifi* | mud* alter* troc* | cambi* modific* | badal*
replace | reemplaz* sustitu* | ersetz* | remplac* | substitu* | sostitu* | badal*
rename | renombr* | umbenenn* | renomm* | renome* | rinomin* | -
move | mover muev* | verschieb* | deplac* | mover mov* | spost* | -
copy | copi* | kopi* | copi* | copi* | copi* | copy
open | abrir abr* | offn* geoffnet* | ouvr* | abrir abr* | aprir* apro | khol*
close | cerrar cierr* | schliess* geschlossen* | ferm* | fechar fech* | chiud* chius* | band
save | guard* | speicher* | enregistr* sauvegard* | salv* guard* | salv* | save
search | busc* | such* suche | cherch* recherch* | busc* pesquis* procur* | cerc* ricerc* | khoj*
find | encontr* encuentr* | finde* gefunden | trouv* | encontr* ach* | trov* | mil*
show | mostr* ver | zeig* anzeig* | affich* montr* voir | mostr* ver | mostr* vedere | dikh*
hide | ocult* | verberg* ausblend* | cach* masqu* | ocult* escond* | nascond* | chhupa*
send | envi* mand* | send* gesendet* schick* verschick* | envo* envoy* | envi* mand* | invi* mand* spedi* | bhej*
receive | recib* reciv* | empfang* erhalt* bekomm* | recev* recoi* | receb* | ricev* | mil*
write | escrib* | schreib* geschrieben* | ecri* | escrev* | scriv* | likh*
read | leer lee* | lesen liest gelesen | lire lu | ler leitura | legg* lettura | padh*
download | descarg* | herunterlad* heruntergelad* | telecharg* | baix* descarreg* | scaric* | download
upload | sub* carg* | hochlad* hochgelad* | televers* envoy* | carreg* sub* | caric* | upload
export | export* | export* | export* | export* | esport* | export
import | import* | import* einles* | import* | import* | import* | import
file | archiv* fichero* | datei* | fichier* | arquiv* ficheir* | file | file
attachment | adjunt* | anhang* anhange | piece jointe | anex* | allegat* | attachment
picture | imagen* foto* | bild bilder foto* | image* photo* | imagem imagens foto* | immagin* foto* | photo tasveer
video | video* | video* | video* | video* | video* | video
document | document* | dokument* unterlage* | document* | document* | document* | dastavez document
table | tabla* | tabelle* | tableau* | tabela* | tabell* | table
row | fila* linea* | zeile* | ligne* | linha* | righ* | row
column | columna* | spalte* | colonne* | coluna* | colonn* | column
board | tablero* | board* tafel | tableau* | quadro* | bachec* | board
project | proyect* | projekt* | projet* | projet* | progett* | project
task | tarea* | aufgabe* | tache* | tarefa* | attivita compit* | kaam task
workspace | espacio* | arbeitsbereich* arbeitsraum* | espace* | espaco* | spazio area lavoro | workspace
form | formulari* | formular* | formulaire* | formulari* | modul* | form
request | solicitud* peticion* | anfrage* antrag* | demande* | solicit* pedid* | richiest* | request
report | informe* | bericht* | rapport* | relatori* | rapport* report | report
dashboard | panel* tablero* | dashboard* ubersicht* | dashboard bord | painel* paineis | dashboard cruscott* | dashboard
rule | regla* | regel* | regle* | regra* | regol* | rule niyam
automation | automatiz* | automatisier* automation* | automatis* | automac* automatiz* | automaz* automatizz* | automation
template | plantilla* | vorlage* | modele* | modelo* | modell* | template
comment | comentari* | kommentar* | commentaire* | comentari* | comment* | comment
mention | mencion* | erwahn* | mention* | mencion* | menzion* | mention
notification | notificac* aviso* | benachrichtig* | notific* avis | notificac* aviso* | notific* avvis* | notification suchna
message | mensaj* | nachricht* | message* | mensag* | messagg* | sandesh message
mail | correo* email | mail* e-mail* | courriel* mail* | e-mail* correi* | mail posta e-mail* | mail email
phone | telefon* movil* celular* | telefon* handy* | telephon* portable* | telefon* celular* telemov* | telefon* cellular* | phone
number | numero* | nummer* zahl | numero* nombre | numero* | numer* | number
address | direccion* domicilio* | adresse* anschrift* | adresse* | endereco* morada* | indirizz* | pata address
name | nombre* | name namen | nom noms | nome nomes | nome nomi | naam
invoice | factura* | rechnung* | factur* | fatura* nota | fattur* | bill invoice
bill | factur* | rechnung* | factur* | fatura* | fattur* bollett* | bill
payment | pag* abon* | zahl* bezahl* | paiement* pay* regl* | pag* pagament* | pag* pagament* | bhugtan payment
card | tarjeta* | karte* kreditkarte* | carte* | cartao* cartoes | cart* | card
bank | banco* bancari* | bank* | banque* bancair* | banco* bancari* | banc* | bank
transfer | transfer* | uberweis* ubertrag* | virement* transfer* | transfer* | bonific* trasfer* | transfer
price | precio* cuesta* cost* | preis* kost* kostet | prix tarif* cout* | preco* custa* cust* | prezz* cost* | daam kimat
plan | plan planes | tarif* plan | forfait* formule* plan | plano* planos | piano piani | plan
subscription | suscripc* | abo abonnement* | abonnement* | assinatura* subscri* | abbonament* | subscription
seat | puesto* asiento* licencia* | platz* platze lizenz* | place* licence* | assento* licenca* | post* licenz* | seat
cancel | cancel* anul* | kundig* stornier* abbestell* | annul* resili* | cancel* anul* | annull* disdir* disdett* | cancel radd
refund | reembols* devoluc* | erstatt* ruckerstatt* | rembours* | reembols* | rimbors* | refund
discount | descuento* | rabatt* | remise* reduction* | descont* | scont* | discount
tax | impuesto* iva | steuer* mwst | tva taxe* impot* | imposto* iva | iva tass* impost* | tax
month | mes meses mensual* | monat* | mois mensuel* | mes meses mensal* | mes* mensil* | mahina mahine
year | ano anos anual* | jahr* jahrlich* | an ans annee* annuel* | ano anos anual* | ann* annual* | saal
week | semana* | woche* | semaine* | semana* | settiman* | hafta hafte
day | dia dias | tag tage tagen taglich* | jour jours | dia dias | giorn* | din
hour | hora horas | stunde* uhr | heure* | hora horas | or* ora | ghante baje
minute | minut* | minute* | minute* | minut* | minut* | minute
today | hoy | heute | aujourd | hoje | oggi | aaj
tomorrow | manana | morgen | demain | amanha | domani | kal
saturday | sabado* | samstag* sonnabend* | samedi* | sabado* | sabat* | shanivar
sunday | domingo* | sonntag* | dimanche* | domingo* | domenic* | ravivar
weekend | finde | wochenende* | week-end weekend | fim | weekend | weekend
holiday | vacacion* festivo* | urlaub* feiertag* ferien | vacance* ferie* | ferias feriado* | vacanz* feri* | chhutti
time | tiempo* hora* | zeit* | temps heure* | tempo hora* | tempo orari* | samay
date | fecha* | datum* daten | date* | data | data | tarikh
data | dato* datos | daten* | donnee* | dado* dados | dat* | data
country | pais paises | land lander | pays | pais paises | paes* | desh
language | idioma* lengua* | sprache* | langue* | idioma* lingua* | lingu* | bhasha
limit | limite* | grenze* grenzwert* limit* | limite* | limite* | limit* | limit seema
maximum | maxim* | maximal* hochst* hochstens | maxim* | maxim* | massim* | zyada
minimum | minim* | mindest* minimal* | minim* | minim* | minim* | kam
size | tamano* | grosse* | taille* | tamanho* | dimension* grandezz* | size
weight | peso* pesar | gewicht* schwer wieg* | poids pes* | peso* pesar | pes* | vajan
fast | rapid* | schnell* | rapid* vite | rapid* | veloc* rapid* | jaldi
slow | lent* | langsam* | lent* | lent* | lent* | dheere slow
error | error* | fehler* | erreur* | erro erros | error* | galti error
problem | problema* | problem* | probleme* | problema* | problem* | samasya dikkat
work | funcion* trabaj* | funktion* arbeit* | fonction* march* travail* | funcion* trabalh* | funzion* lavor* | kaam chal*
fail | fall* | fehlschlag* scheiter* | echou* echec* | falh* | fallit* fallisc* | fail
broken | rot* danad* | kaputt beschadigt* | casse* abime* | quebrad* danificad* | rott* dannegg* | toota kharab
lost | perd* perdid* | verlor* verlier* | perdu* perdr* | perdid* perd* | pers* perdut* | kho*
late | tard* retras* | spat* verspat* | retard* tard | tard* atras* | tard* ritard* | der
missing | falt* | fehl* vermiss* | manqu* | falt* | manc* | gayab
lock | bloque* | sperr* gesperrt* | bloqu* verrouill* | bloque* | blocc* | lock
unlock | desbloque* | entsperr* | debloqu* deverrouill* | desbloque* | sblocc* | unlock
turn on | activ* encend* | aktivier* einschalt* schalte | activ* | ativ* lig* | attiv* | chalu
turn off | desactiv* apag* | deaktivier* ausschalt* abschalt* | desactiv* | desativ* deslig* | disattiv* | band
connect | conect* | verbind* anbind* verknupf* | connect* reli* lier | conect* lig* vincul* | conness* collega* | jod* jud*
integration | integrac* | integration* anbindung* | integration* | integrac* | integrazion* | integration
app | app aplicac* | app apps | appli application* | app aplicat* | app applicazion* | app
browser | navegador* | browser* | navigateur* | navegador* | browser | browser
device | dispositivo* aparato* | gerat* | appareil* | dispositivo* aparelh* | dispositiv* | device
computer | ordenador* computador* | computer* rechner* | ordinateur* | computador* | computer | computer
screen | pantalla* | bildschirm* | ecran* | tela ecra | schermo schermat* | screen
page | pagina* | seite* | page* | pagina* | pagin* | page
site | sitio* web | webseite* website | site* | site* | sito siti | site
link | enlace* vinculo* | link* verknupfung* | lien* | link* ligac* | link collegament* | link
button | boton* | knopf taste* schaltflache* | bouton* | botao botoes | pulsant* bottone | button
key | clave* llave* | schlussel* | cle cles clef* | chave* | chiav* | key chabi
code | codigo* | code* codes | code* | codigo* | codic* | code
network | red conexion* | netz* netzwerk* | reseau* | rede internet | rete | network
offline | desconect* | offline | hors | offline | offline | offline
two factor | factor* | zwei-faktor* zweifaktor* faktor* | facteur* | fatores etapas | fattori |
security | seguridad* | sicherheit* | securite* | seguranc* | sicurezz* | suraksha
privacy | privacidad* | datenschutz* | confidentialit* vie privee | privacidad* | privacy | gopniyata
personal | personal* | personlich* personenbezogen* | personnel* | pessoa* | personal* | vyaktigat
share | compart* | teil* freigeb* freigab* | partag* | compartilh* partilh* | condivid* | share
public | public* | offentlich* | publi* | public* | pubblic* | public
private | privad* | privat* | prive* | privad* | privat* | private
calendar | calendari* | kalender* | calendrier* | calendari* agenda | calendari* | calendar
meeting | reunion* | besprechung* termin* | reunion* rendez* | reuniao reunioes | riunion* | meeting
appointment | cita* citas | termin* | rendez* | marcac* consulta* | appuntament* | -
support | soporte* ayuda* asistencia | support hilfe* kundendienst* | assistance support aide | suporte* ajuda* | assistenza support* aiuto | support madad
help | ayud* | hilf* helf* | aid* | ajud* | aiut* | madad
contact | contact* | kontakt* | contact* | contat* contact* | contatt* | sampark
complaint | queja* reclam* | beschwerde* reklamation* | plainte* reclam* | reclam* queixa* | reclam* lament* | shikayat
question | pregunt* | frage* | question* | pergunt* duvid* | domand* | sawaal
answer | respuest* respond* | antwort* | repons* repond* | respost* respond* | rispost* rispond* | jawab
order | pedid* encarg* | bestell* auftrag* | command* | encomend* pedid* | ordin* | order
delivery | entreg* | liefer* zustell* zugestell* | livr* | entreg* | consegn* | delivery
pickup | recog* recogida* | abhol* abgeholt* | collect* enlevement ramass* | recolh* retirad* | ritir* | pickup
parcel | paquete* | paket* sendung* packchen* | colis paquet* | pacote* encomend* | pacc* collo | parcel
track | seguimiento* rastre* | verfolg* sendungsverfolg* | suiv* suivi* | rastre* | tracci* | track
shop | tienda* | laden geschaft* | magasin* boutique* | loja* | negozi* | dukaan
buy | compr* | kauf* | achet* | compr* | acquist* compr* | kharid*
sell | vend* | verkauf* | vend* | vend* | vend* | bech*
return | devolv* devoluc* | ruckgabe* zuruckgeb* rucksend* retour* | retour* renvo* | devolv* devoluc* | restitu* reso | wapas
exchange | cambi* canje* | umtausch* | echang* | troc* | cambi* scambi* | badal*
warranty | garantia* | garantie* gewahrleistung* | garantie* | garantia* | garanzi* | warranty
insurance | seguro* | versicher* | assur* | seguro* | assicur* | bima
damage | dano* dan* | schaden* schaden beschadig* | dommage* degat* | dano* | dann* | nuksan
cost | cost* cuesta* | kost* | cout* | cust* | cost* | kharcha
free | gratis gratuit* | kostenlos* gratis frei | gratuit* | gratis gratuit* | gratis gratuit* | muft free
trial | prueba* | testversion* probe* testphase | essai* | teste avaliac* | prova | trial
contract | contrat* | vertrag* | contrat* | contrat* | contratt* | contract
term | plazo* condicion* | bedingung* frist* | condition* delai* | prazo* condic* | condizion* termin* | shart
city | ciudad* | stadt stadte* ort orte | ville* | cidade* | citta | shahar
street | calle* | strasse* | rue* | rua* | via strada | sadak
place | lugar* | ort orte stelle | lieu* endroit* | lugar* local | luog* posto | jagah
person | persona* | person* | personne* | pessoa* | person* | vyakti insaan
driver | conductor* repartidor* | fahrer* | chauffeur* livreur* | motorist* | autist* | driver
bicycle | biciclet* | fahrrad* rad rader | velo* | biciclet* | biciclett* bici | cycle
food | comida* alimento* | essen lebensmittel* | nourriture aliment* | comida* aliment* | cibo aliment* | khana
medicine | medicament* | medikament* arznei* | medicament* | medicament* remedi* | medicinal* farmac* | dawai
animal | animal* mascota* | tier tiere* | animal animaux | animal animais | animal* | janwar
cold | frio* fria* | kalt* kuhl* | froid* frais | frio* fria* gelad* | fredd* | thanda
hot | caliente* | heiss* warm* | chaud* | quente* | cald* | garam
water | agua* | wasser* | eau | agua* | acqua | paani
rain | lluvia* llueve | regen* | pluie* | chuva* | pioggia piove | baarish
child | nin* hij* | kind kinder* | enfant* | crianc* filh* | bambin* figli* | bachcha
school | escuela* colegio* | schule* | ecole* | escola* | scuol* | school
house | casa* hogar* | haus hause* | maison* | casa* | casa case | ghar
room | habitacion* sala* | zimmer* raum raume | chambre* salle* | quarto* sala* | stanz* camer* | kamra
book | reserv* | buch* reservier* | reserv* | reserv* | prenot* | book
travel | viaj* | reis* | voyag* | viag* viaj* | viagg* | yatra
flight | vuelo* | flug fluge* | vol vols | voo voos | vol* | flight
train | tren* | zug zuge bahn* | train* | comboio* trem | tren* | train
car | coche* auto* | auto autos wagen | voiture* | carro* | auto macchin* | gaadi
sign | firm* | unterschr* unterschreib* | sign* | assin* | firm* | -
signature | firma* | unterschrift* signatur* | signature* | assinatura* | firm* | -
accept | acept* | annehm* angenommen* akzeptier* | accept* | aceit* | accett* | -
refuse | rechaz* | ablehn* abgelehnt* | refus* | recus* | rifiut* | mana
allow | permit* | erlaub* gestatt* durf* | permet* autoris* | permit* | permett* consent* | -
forbidden | prohibid* | verbot* | interdit* | proibid* | vietat* | -
need | necesit* | brauch* benotig* | besoin* | precis* necessit* | serv* bisogn* | chahiye zaroorat
stop | par* deten* dej* | anhalt* aufhor* stopp* | arret* | par* deix* | ferm* smett* | rok* band
start | empez* comenz* inici* | start* beginn* anfang* | commenc* demarr* | comec* inici* | inizi* cominci* | shuru
wait | esper* | wart* | attend* attente* | esper* | aspett* attes* | intezaar
new | nuev* | neu neue neuer neues neuen | nouv* | nov* | nuov* | naya nayi naye
old | viej* antigu* | alt alte alter alten | vieux vieill* ancien* | velh* antig* | vecchi* antic* | purana purani
all | tod* | alle alles alle | tout* tous | tod* | tutt* | sab saare
many | much* | viele viel | beaucoup plusieurs | muit* | molt* | kitne kai
several | vari* divers* | mehrere | plusieurs | vari* | vari* divers* | kai
list | lista* | liste* | liste* | lista* | lista* elenc* | list
group | grupo* | gruppe* | groupe* | grupo* | grupp* | group
history | historial* | verlauf* historie* | historique* | historic* | cronologi* storic* | itihas
log | registr* | protokoll* | journal* registr* | registr* | registr* | log
backup | respaldo* | sicherung* backup* | sauvegarde* | copia backup | backup | backup
version | version* | version* | version* | versao versoes | version* | version
update | actualiz* | aktualisier* update* | mise actualis* | atualiz* | aggiorn* | update
install | instal* | installier* | install* | instal* | install* | install
setting | ajuste* configur* | einstell* konfigur* | parametre* reglage* configur* | configur* definic* ajuste* | impostaz* configur* | setting
color | color* | farb* | couleur* | cor cores | color* | rang
text | texto* | text* | texte* | texto* | test* | text
font | fuente letra* | schrift* | police | fonte letra* | carattere font | font
filter | filtr* | filter* | filtr* | filtr* | filtr* | filter
sort | orden* | sortier* | tri* trier | orden* classific* | ordin* | -
view | vista* | ansicht* | vue* affichage | vista* visualiz* | vist* visualizz* | view
print | imprim* | druck* | imprim* | imprim* | stamp* | print
menu | menu* | menu* | menu* | menu* | menu* | menu
email address | correo | mailadresse* e-mail-adresse* | adresse mail | endereco e-mail | indirizzo e-mail | -
employer | empleador* | arbeitgeber* | employeur* | empregador* | datore | -
leave | irse salir marcha* dej* | verlass* gegang* ausscheid* | quitt* part* | sai* deix* | lasci* usci* | chhod*
vacation | vacacion* | urlaub* | conge* vacance* | ferias | feri* | chhutti
suspend | suspend* | stilllegen stillleg* aussetz* | suspend* | suspend* | sospend* | -
approve | aprob* | genehmig* freigeb* | approuv* valid* | aprov* | approv* | -
assign | asign* | zuweis* zugewies* | attribu* assign* | atribu* | assegn* | -
daily | diari* | taglich* | quotidien* | diari* | giornalier* quotidian* | rozana
monthly | mensual* | monatlich* | mensuel* | mensal* | mensil* | mahine
yearly | anual* | jahrlich* | annuel* | anual* | annual* | saalana
call | llam* | anruf* ruf* | appel* | ligar chamad* ligac* | chiam* telefonat* | call
per | por | pro | par | por | per | prati
weather | clima tiempo | wetter* | meteo temps | clima tempo | meteo tempo | mausam
opening hours | horario* | offnungszeit* geoffnet | horaire* ouvert* | horari* | orari* | samay
available | disponib* | verfugbar* erreichbar* | disponib* | disponi* | disponibil* | available uplabdh
certificate | certific* | zertifik* | certific* | certific* | certific* | certificate
receipt | recibo* comprobante* | quittung* beleg* | recu* | recibo* comprovante* | ricevut* scontrin* | raseed
partner | socio* | partner* | partenaire* | parceir* | partner | -
office | oficina* | buro* | bureau* | escritori* | uffici* | daftar
store | almacen* guard* | speicher* lager* aufbewahr* | stock* conserv* | armazen* guard* | conserv* archivi* | -
storage | almacenamiento* | speicherplatz* speicher* | stockage* | armazenament* | archiviazione spazio | storage
"""

# Words that tell a language and say nothing else; a word of several languages tells none.
_FUNCTION_WORDS = {
    "en": word_set(
        "the a an of to in is are am do does did i we you my our your it this that how what where when which who can could "
        "would should will and or for with from on at by if not have has there be been was were any some me us they them "
        "he she his her their its why please"
    ),
    "es": word_set(
        "el la los las un una unos unas de del al que como cuando donde cual quien quienes por para con sin es esta este esto son "
        "soy estoy tengo tiene tienen puedo puede quiero se me mi mis nos nuestro nuestra su sus hay y o pero no ya muy desde "
        "hasta sobre lo le les cuanto cuantos cuantas hago hacer ha he si ser"
    ),
    "de": word_set(
        "der die das den dem des ein eine einen einem einer und oder aber nicht kein keine ich wir ihr sie er es mein meine "
        "unser unsere ihre ihren wie was wo wann welche welcher welches wer warum ist sind war kann konnen muss mussen soll darf mit "
        "ohne fur von vom zum zur zu auf aus bei bis nach uber unter um im am als auch noch schon man mich mir uns wird werden "
        "wurde hat habe haben gibt es so dass wenn bekomme komme"
    ),
    "fr": word_set(
        "le la les un une des du de et ou mais ne pas je tu il elle nous vous ils mon ma mes notre nos votre vos son sa ses "
        "comment quand quel quelle quels quelles qui que quoi pourquoi est sont suis etes peut peux puis dois faut avec sans "
        "pour par sur dans chez en au aux ce cette ces ca se y a ai avez avons ont etre avoir est-ce qu d l n j s"
    ),
    "pt": word_set(
        "o os as um uma uns umas de do da dos das no na nos nas em ao que como quando onde qual quais quem por para pra com sem "
        "e ou mas nao eu voce voces meu minha meus minhas nosso nossa seu sua isso este esta esse essa sao estou tem tenho "
        "posso pode quero se me ja mais muito desde ate sobre foi ser ter ha fazer faco pelo pela"
    ),
    "it": word_set(
        "il lo la i gli le un uno una di del della dei delle dello al alla ai alle da dal dalla nel nella in su sul sulla con "
        "senza per e o ma non io noi voi mio mia miei nostro nostra vostro suo sua come quando dove quale quali quanto quanti "
        "quante chi che cosa perche sono siamo ho hai abbiamo avete posso puo possiamo devo vorrei si mi ci ne anche piu "
        "questo questa essere fare"
    ),
    "hi": word_set(
        "hai hain ka ki ke ko se mein main mera meri mere hum hamara hamari aap aapka tum kya kaise kahan kab kaun kyun kyon "
        "nahi nahin ho hota hoti raha rahi rahe gaya gayi kar karna karu karun karo karte sakta sakte sakti tha thi aur ya "
        "par bhi yeh ye woh wo liye koi kuch ab jo toh hu hoon"
    ),
}  # fmt: skip
# Function words that are English words too, or names in any language.
_ENGLISH_TOO = word_set(
    "comment per no me son non die man was so sans come an on as am in a or us plan is"
)
_WORD = re.compile(r"\w+(?:-\w+)*")
_SHARED = frozenset(
    word
    for language, words in _FUNCTION_WORDS.items()
    for word in words
    if word in _ENGLISH_TOO or sum(word in other for other in _FUNCTION_WORDS.values()) > 1
)
# What a word adds to the score of a language: its own function word, one of several languages, an entry.
_OWN, _SEVERAL, _ENTRY = 1.0, 0.4, 0.3


def _entries() -> tuple[dict[str, dict[str, str]], dict[str, list[tuple[str, str]]]]:
    whole: dict[str, dict[str, str]] = {language: {} for language in LANGUAGES}
    stems: dict[str, list[tuple[str, str]]] = {language: [] for language in LANGUAGES}
    for line in _TABLE.strip().splitlines():
        english, *columns = (column.strip() for column in line.split("|"))
        for language, words in zip(LANGUAGES, columns, strict=True):
            for word in words.split():
                if word.endswith("*"):
                    stems[language].append((word[:-1], english))
                else:
                    whole[language].setdefault(word, english)
    for found in stems.values():
        # The longest stem says most.
        found.sort(key=lambda entry: -len(entry[0]))
    return whole, stems


_WHOLE, _STEMS = _entries()


@lru_cache(maxsize=4096)
def english(text: str) -> str:
    """Returns a text in English words if it is of another of the languages, and else the text itself."""
    words = _WORD.findall(fold(text))
    language = _language(words)
    if language == "en":
        return text
    said = [word for word in words if word not in _FUNCTION_WORDS[language]]
    return " ".join(_english(word, language) or word for word in said)


def _language(words: list[str]) -> str:
    """Tells the language with most of its own function words, English if no other has more."""
    scores = dict.fromkeys(_FUNCTION_WORDS, 0.0)
    for word in {word for word in words if len(word) > 1}:
        for language, known in _FUNCTION_WORDS.items():
            if word in known:
                scores[language] += _SEVERAL if word in _SHARED else _OWN
            elif language != "en" and _english(word, language) not in (None, word):
                scores[language] += _ENTRY
    best = max(scores, key=lambda language: scores[language])
    return best if scores[best] > scores["en"] and scores[best] >= _OWN else "en"


@lru_cache(maxsize=16384)
def _english(word: str, language: str) -> str | None:
    found = _WHOLE[language].get(word)
    if found is not None:
        return found
    return next((to for stem, to in _STEMS[language] if word.startswith(stem)), None)
