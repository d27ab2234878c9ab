import { CERTIFICATE, LOCAL, REMOTE } from './schema/authentication.ts';
import { CHILD } from './schema/child.ts';
import { CONNECTION } from './schema/connection.ts';
import { AUTHORITY, OWNER, PASSPHRASE, SHARED_SECRET } from './schema/credentials.ts';
import { MANUAL } from './schema/manual.ts';
import { NUMBERED, POOL } from './schema/pool.ts';
import {
  CHARON,
  FILELOG,
  RESOLVE,
  REVOCATION,
  SAVE_KEYS,
  SYSLOG,
  SYSLOG_FACILITY,
  VICI,
} from './schema/settings.ts';
import { CHARON_UNHEEDED } from './schema/unheeded.ts';
import type { Key, Table } from './schema.ts';

interface Chapter {
  readonly title: string;
  readonly text: string;
  readonly table: Table;
}

const CHAPTERS: readonly Chapter[] = [
  {
    title: '`connections.<name>`',
    text: 'One for each peer or kind of peers. The name may not contain `/`.',
    table: CONNECTION,
  },
  {
    title: '`connections.<name>.local…`',
    text: 'How this side proves who it is: a section `local`, or several whose names begin so, one for each round.',
    table: LOCAL,
  },
  {
    title: '`connections.<name>.remote…`',
    text:
      'What is asked of the peer, in rounds likewise. Without any such section the peer must have a certificate of a ' +
      'trusted authority: nothing is ever accepted because nothing was asked.',
    table: REMOTE,
  },
  {
    title: '`cert…` and `cacert…` in these',
    text: 'One certificate each, besides those in `certs` and `cacerts`.',
    table: CERTIFICATE,
  },
  {
    title: '`connections.<name>.children.<name>`',
    text: 'One for each Child SA. `esp_proposals` and `ah_proposals` exclude each other.',
    table: CHILD,
  },
  {
    title: '`secrets.ike…`, `eap…`, `xauth…`, `ntlm…`, `ppk…`',
    text: 'Shared secrets; the kind follows from how the name begins.',
    table: { ...SHARED_SECRET, 'id…': OWNER },
  },
  {
    title: '`secrets.private…`, `rsa…`, `ecdsa…`, `pkcs8…`, `pkcs12…`',
    text: 'Passphrases of files in the folder of that name.',
    table: PASSPHRASE,
  },
  {
    title: '`pools.<name>`',
    text: 'Addresses for peers, and what is told to them with each.',
    table: { ...POOL, '<number>': NUMBERED },
  },
  { title: '`authorities.<name>`', text: 'Authorities besides those in x509ca.', table: AUTHORITY },
  {
    title: '`manual.<name>`',
    text:
      'SAs whose keys are given here, with no negotiation; charon has no such section. Such keys are never replaced: ' +
      'they have no forward secrecy, and nothing keeps count of packets when a host starts again (RFC 8221 §3). Where the ' +
      'life of an SA ends, its traffic is stopped, not let by in clear; in user space that is so after 2^32 − 1 packets too.',
    table: MANUAL,
  },
];

const SETTINGS: readonly Chapter[] = [
  { title: '`charon`', text: '', table: CHARON },
  { title: '`charon.plugins.vici`', text: '', table: VICI },
  { title: '`charon.plugins.save-keys`', text: '', table: SAVE_KEYS },
  { title: '`charon.plugins.resolve`', text: '', table: RESOLVE },
  {
    title: '`charon.plugins.revocation`',
    text: 'How long a peer waits is its own affair: whatever is set here, after 25 s nothing more is fetched for one proof.',
    table: REVOCATION,
  },
  { title: '`charon.filelog.<name>`', text: '', table: FILELOG },
  { title: '`charon.syslog`', text: '', table: SYSLOG },
  {
    title: '`charon.syslog.daemon` and `charon.syslog.auth`',
    text: 'Each group may have a level of its own, as in a `filelog`.',
    table: SYSLOG_FACILITY,
  },
];

const INTRODUCTION = `# Configuration

This page is drawn from the tables in \`src/config/schema\`; to change it, change a row and run
\`CYGNET_UPDATE_DOCS=1 npm test\`.

\`cygnet daemon --config DIR\` reads \`DIR/swanctl.conf\`, or where there is none all \`DIR/*.yaml\`, and the files beside it.
\`cygnet check DIR\` reads the same, starts nothing, and prints everything that is wrong with file, line and column.

## The language

\`\`\`
# a comment, to the end of the line
section {
    key = value
    quoted = "what holds #, } or \\" stands in quotes"   # \\n \\r \\t are controls; a \\ at the end of a line joins
    list = one, two, three
    section { … }
}
child : defaults, other.section { … }                 # inherits from sections named by their path from the top
include conf.d/*.conf                                 # relative to this file; *, ? and […] as in a shell
\`\`\`

- Sections met again are extended; of settings met again the last counts, and within one section a repetition is warned of.
- A section inherits what it does not set itself, its subsections too, from the sections after the colon, the left ones
  first. \`key =\` without a value clears what would be inherited, so that the default holds.
- Times are numbers with \`s\`, \`m\`, \`h\` or \`d\`; without a unit they are seconds. Volumes take \`k\`, \`m\`, \`g\` (1024, 1024², 1024³).
- \`yes\`, \`true\`, \`enabled\`, \`1\` and \`no\`, \`false\`, \`disabled\`, \`0\` are the same.
- Secrets are text, hexadecimal after \`0x\`, or Base64 after \`0s\`.
- Identities are addresses, \`name.example.org\`, \`user@example.org\`, \`C=CH, O=Lab, CN=x\`, or have their type before a
  colon: \`ipv4:\`, \`ipv6:\`, \`fqdn:\` or \`dns:\`, \`email:\` or \`rfc822:\`, \`asn1dn:\`, \`keyid:\`, \`{number}:\`; \`#\` after the colon
  begins hexadecimal octets.

## The same in YAML

\`\`\`yaml
# yaml-language-server: $schema=./swanctl.schema.json
x-common: &common            # sections that begin with x- are there for others to take over
  proposals: aes256-sha256-x25519
connections:
  gw:
    <<: *common
    remote_addrs: [192.0.2.1]
    local: { auth: psk, id: moon.example.org }
    remote: { auth: psk, id: sun.example.org }
    children:
      net: { local_ts: 10.1.0.0/16, remote_ts: 10.2.0.0/16 }
secrets:
  ike-gw: { secret: 0sDx8+…, id-1: sun.example.org }
\`\`\`

- Sections are mappings and settings their scalars, as they would be written in swanctl.conf: \`yes\`, \`1h\` and \`0x10\` are read as the
  key says, in quotes or without. Lists are sequences, or stand between commas.
- Anchors, aliases and \`<<\` take the place of references; tags mean nothing. A key twice in one mapping is an error.
- All \`*.yaml\` and \`*.yml\` files of the directory are read in the order of their names, and extend each other.
- \`cygnet schema > swanctl.schema.json\` writes the JSON Schema for editors, and \`cygnet convert DIR\` prints a swanctl.conf as
  YAML.

## The folders

| folder | holds |
|---|---|
| x509 | certificates; what follows the first in a file is its chain |
| x509ca | authorities, all of a file |
| x509ocsp | certificates of OCSP responders |
| x509crl | revocation lists |
| pubkey | raw public keys |
| private, rsa, ecdsa, pkcs8 | private keys: PKCS #8, PKCS #1 or SEC 1, encrypted or not |
| manual | keys of manual SAs: the octets themselves, or \`0x…\` or \`0s…\` as text |
| pkcs12 | PKCS #12 files: key and certificates in one, with a passphrase in \`secrets\` |

PEM and DER are told apart by their content. Hidden files are passed over.

## Support

Every key that charon knows is known here. Those marked **no effect** are not heeded yet; where one says something other
than the default, a warning names it once. Those marked **refused** are not there yet either, but to leave them out would
weaken or change what was asked for, so the configuration is not loaded. Keys that nobody knows are errors, with the one
that was probably meant.
`;

const BETWEEN = `
# strongswan.conf

\`cygnet daemon --settings FILE\` takes what follows from a strongswan.conf. Keys of charon that change nothing here stand at the
end; sections of other programs are not looked at.
`;

const UNHEEDED = `
## Keys of \`charon\` without effect

Where one of them is set, a warning names it with the reason. One whose value says what is so in any case is taken in silence.

| key | why it changes nothing | in silence |
|---|---|---|
`;

/** docs/reference/configuration.md */
export function configurationReference(): string {
  const settings = `${SETTINGS.map(chapter).join('')}${UNHEEDED}${unheeded()}`;
  return `${INTRODUCTION}${CHAPTERS.map(chapter).join('')}${BETWEEN}${settings}`;
}

function chapter({ title, text, table }: Chapter): string {
  const rows = Object.entries(table).map(([name, key]) => row(name, key));
  const head = '| key | takes | default | for | |\n|---|---|---|---|---|\n';
  return `\n## ${title}\n${text === '' ? '' : `\n${text}\n`}\n${head}${rows.join('')}`;
}

function unheeded(): string {
  return Object.entries(CHARON_UNHEEDED)
    .map(([name, { because, fulfilled = [] }]) => `| \`${name}\` | ${because} | ${fulfilled[0] ?? ''} |\n`)
    .join('');
}

function row(name: string, key: Key<unknown>): string {
  const cells = [
    `\`${name}\``,
    key.typeName,
    key.default === '' ? 'none' : key.default,
    key.use,
    supportOf(key),
  ];
  return `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
}

function supportOf(key: Key<unknown>): string {
  if (key.support !== 'yes') return because(WORDS[key.support], key.because);
  return Object.entries(key.valueSupport ?? {})
    .map(([value, support]) => `\`${value}\`: ${because(WORDS[support ?? 'yes'], key.valueBecause?.[value])}`)
    .join(', ');
}

function because(word: string, reason: string | undefined): string {
  return reason === undefined ? word : `${word} (${reason})`;
}

const WORDS = { yes: '', ignored: '**no effect**', refused: '**refused**' };
