/** Key material: prints as `[secret]` everywhere, and is overwritten when it is spent. */
export class Secret {
  readonly #bytes: Uint8Array;

  /** Takes `bytes` over: the caller must not keep or change them. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** The octets themselves, not a copy: hand them to a primitive and let go. */
  reveal(): Uint8Array {
    return this.#bytes;
  }

  /** Overwrites the octets with zeros; the secret is useless from then on. */
  wipe(): void {
    this.#bytes.fill(0);
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}
