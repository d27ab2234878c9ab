import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** The regular files of a .tar.gz, by name. */
export function readTarGz(file: string): Map<string, Uint8Array> {
  const tar = gunzipSync(readFileSync(file));
  const files = new Map<string, Uint8Array>();
  for (let at = 0; at + 512 <= tar.length; ) {
    const header = tar.subarray(at, at + 512);
    const name = header.toString('latin1', 0, 100).replace(/\0.*$/s, '');
    if (name === '') break;
    const size = Number.parseInt(header.toString('latin1', 124, 136), 8);
    const kind = String.fromCharCode(header[156] as number);
    if (kind === '0' || kind === '\0')
      files.set(name, new Uint8Array(tar.subarray(at + 512, at + 512 + size)));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}
