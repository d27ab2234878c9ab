/** The two text codecs that every JavaScript runtime has and the language's own library does not declare. */
declare const TextEncoder: new () => { encode(text: string): Uint8Array };
declare const TextDecoder: new (label: string) => { decode(bytes: Uint8Array): string };

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8');
const latin1 = new TextDecoder('latin1');

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** UTF-8 to text; malformed sequences become U+FFFD, so any octets may be given. */
export function fromUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** One character for each octet, whatever it is: for formats of ASCII, in which all others are wrong. */
export function fromLatin1(bytes: Uint8Array): string {
  return latin1.decode(bytes);
}

/** Octets from a stranger as one printable line: ASCII kept, everything else as `\xNN`, cut after `limit` octets. */
export function printable(bytes: Uint8Array, limit = 128): string {
  let text = '';
  for (const octet of bytes.subarray(0, limit)) {
    text +=
      octet >= 0x20 && octet < 0x7f && octet !== 0x5c
        ? String.fromCharCode(octet)
        : `\\x${octet.toString(16).padStart(2, '0')}`;
  }
  return bytes.length > limit ? `${text}… (${bytes.length} octets)` : text;
}
