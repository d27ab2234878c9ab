/**
 * The one-line form of an IKE message in the words that charon's log has for it: payloads between blanks, notifies by
 * charon's short names. Scripts and people look for these lines.
 */
export function messageInWords(text: string): string {
  const match = /^(\S+)([^[]*)\[(.*)\]$/.exec(text);
  if (match === null) return text;
  const [, exchange = '', rest = '', inside = ''] = match;
  const ofV1 = EXCHANGES_OF_V1[exchange];
  const payloads = inside.match(/[^\s(]+\([^)]*\)|\S+/g) ?? [];
  const words = payloads.map(word => `${wordOf(word, ofV1 === undefined ? NOTIFIES : NOTIFIES_OF_V1)} `);
  return `${ofV1 ?? exchange}${rest}[ ${words.join('')}]`;
}

function wordOf(word: string, notifies: Readonly<Record<string, string>>): string {
  const [, kind, inner] = /^([A-Z][A-Za-z]*)\((.*)\)$/.exec(word) ?? [];
  if (kind === 'N' && inner !== undefined) return `N(${notifies[inner] ?? inner})`;
  if (inner === undefined) return PAYLOADS[word] ?? word;
  if (kind === 'CP' || kind === 'ATTRIBUTES') return configurationWord(inner);
  return PAYLOADS[`${kind}(${inner})`] ?? (kind === 'V' ? 'V' : word);
}

/** `CPRQ(ADDR DNS)`: what is asked for or given, by charon's short names. */
function configurationWord(inner: string): string {
  const [type = '', ...attributes] = inner.split(' ');
  const kind = CONFIGURATIONS[type.replace(/^ISAKMP_/, '')] ?? type;
  return attributes.length === 0 ? kind : `${kind}(${attributes.map(attributeWord).join(' ')})`;
}

function attributeWord(name: string): string {
  return (
    ATTRIBUTES[name] ??
    name
      .replace(/^INTERNAL_IP([46])_(.*)$/, (_, version, what) => `${what}${version === '6' ? '6' : ''}`)
      .replace(/^ADDRESS(?=6?$)/, 'ADDR')
      .replace(/^(XAUTH|UNITY)_/, (_, family) => `${family[0]}_`)
  );
}

const CONFIGURATIONS: Readonly<Record<string, string>> = {
  CFG_REQUEST: 'CPRQ',
  CFG_REPLY: 'CPRP',
  CFG_SET: 'CPS',
  CFG_ACK: 'CPA',
};

/** Those whose short name is not the end of the long one. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  INTERNAL_IP4_NETMASK: 'MASK',
  INTERNAL_ADDRESS_EXPIRY: 'EXP',
  APPLICATION_VERSION: 'VER',
  SUPPORTED_ATTRIBUTES: 'SUP',
  XAUTH_USER_NAME: 'X_USER',
  XAUTH_USER_PASSWORD: 'X_PWD',
  XAUTH_PASSCODE: 'X_CODE',
  XAUTH_MESSAGE: 'X_MSG',
  XAUTH_CHALLENGE: 'X_CHALL',
  UNITY_SAVE_PASSWD: 'U_SAVEPWD',
  UNITY_DEF_DOMAIN: 'U_DEFDOM',
  UNITY_SPLITDNS_NAME: 'U_SPLITDNS',
  UNITY_SPLIT_INCLUDE: 'U_SPLITINC',
  UNITY_LOCAL_LAN: 'U_LOCALLAN',
};

/** charon's names for the exchanges of IKEv1. */
const EXCHANGES_OF_V1: Readonly<Record<string, string>> = {
  MAIN_MODE: 'ID_PROT',
  AGGRESSIVE: 'AGGRESSIVE',
  QUICK_MODE: 'QUICK_MODE',
  INFORMATIONAL_V1: 'INFORMATIONAL_V1',
  TRANSACTION: 'TRANSACTION',
  NEW_GROUP_MODE: 'NEW_GROUP_MODE',
};

const PAYLOADS: Readonly<Record<string, string>> = {
  Ni: 'No',
  Nr: 'No',
  NONCE: 'No',
  CR: 'CERTREQ',
  NAT_D: 'NAT-D',
  NAT_D_DRAFT: 'NAT-D',
  NAT_OA: 'NAT-OA',
  NAT_OA_DRAFT: 'NAT-OA',
  'EAP(Request)': 'EAP/REQ',
  'EAP(Response)': 'EAP/RES',
  'EAP(Success)': 'EAP/SUCC',
  'EAP(Failure)': 'EAP/FAIL',
};

const NOTIFIES: Readonly<Record<string, string>> = {
  UNSUPPORTED_CRITICAL_PAYLOAD: 'CRIT',
  INVALID_IKE_SPI: 'INVAL_IKE_SPI',
  INVALID_MAJOR_VERSION: 'INVAL_MAJOR',
  INVALID_SYNTAX: 'INVAL_SYN',
  INVALID_MESSAGE_ID: 'INVAL_MID',
  INVALID_SPI: 'INVAL_SPI',
  NO_PROPOSAL_CHOSEN: 'NO_PROP',
  INVALID_KE_PAYLOAD: 'INVAL_KE',
  AUTHENTICATION_FAILED: 'AUTH_FAILED',
  SINGLE_PAIR_REQUIRED: 'SINGLE_PAIR',
  NO_ADDITIONAL_SAS: 'NO_ADD_SAS',
  INTERNAL_ADDRESS_FAILURE: 'INT_ADDR_FAIL',
  FAILED_CP_REQUIRED: 'FAIL_CP_REQ',
  TS_UNACCEPTABLE: 'TS_UNACCEPT',
  INVALID_SELECTORS: 'INVAL_SEL',
  TEMPORARY_FAILURE: 'TEMP_FAIL',
  CHILD_SA_NOT_FOUND: 'NO_CHILD_SA',
  INITIAL_CONTACT: 'INIT_CONTACT',
  SET_WINDOW_SIZE: 'SET_WINSIZE',
  ADDITIONAL_TS_POSSIBLE: 'ADD_TS_POSS',
  IPCOMP_SUPPORTED: 'IPCOMP_SUPP',
  NAT_DETECTION_SOURCE_IP: 'NATD_S_IP',
  NAT_DETECTION_DESTINATION_IP: 'NATD_D_IP',
  USE_TRANSPORT_MODE: 'USE_TRANSP',
  HTTP_CERT_LOOKUP_SUPPORTED: 'HTTP_CERT_LOOK',
  ESP_TFC_PADDING_NOT_SUPPORTED: 'ESP_TFC_PAD_N',
  NON_FIRST_FRAGMENTS_ALSO: 'NON_FIRST_FRAG',
  MOBIKE_SUPPORTED: 'MOBIKE_SUP',
  ADDITIONAL_IP4_ADDRESS: 'ADD_4_ADDR',
  ADDITIONAL_IP6_ADDRESS: 'ADD_6_ADDR',
  NO_ADDITIONAL_ADDRESSES: 'NO_ADD_ADDR',
  UPDATE_SA_ADDRESSES: 'UPD_SA_ADDR',
  NO_NATS_ALLOWED: 'NO_NATS',
  AUTH_LIFETIME: 'AUTH_LFT',
  MULTIPLE_AUTH_SUPPORTED: 'MULT_AUTH',
  ANOTHER_AUTH_FOLLOWS: 'AUTH_FOLLOWS',
  REDIRECT_SUPPORTED: 'REDIR_SUP',
  REDIRECT: 'REDIR',
  REDIRECTED_FROM: 'REDIR_FROM',
  EAP_ONLY_AUTHENTICATION: 'EAP_ONLY',
  CHILDLESS_IKEV2_SUPPORTED: 'CHDLESS_SUP',
  IKEV2_MESSAGE_ID_SYNC_SUPPORTED: 'MSG_ID_SYN_SUP',
  IKEV2_FRAGMENTATION_SUPPORTED: 'FRAG_SUP',
  SIGNATURE_HASH_ALGORITHMS: 'HASH_ALG',
};

/** Of IKEv1, where the same names have other short ones. */
const NOTIFIES_OF_V1: Readonly<Record<string, string>> = {
  R_U_THERE: 'DPD',
  R_U_THERE_ACK: 'DPD_ACK',
  INVALID_SPI: 'INVAL_SPI',
  NO_PROPOSAL_CHOSEN: 'NO_PROP',
  AUTHENTICATION_FAILED: 'AUTH_FAILED',
};
