/** Builds the body of a netlink message: numbers in host order (little-endian), attributes padded to four octets. */
export class NetlinkWriter {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  get position(): number {
    return this.#at;
  }

  u8(value: number): this {
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  u64(value: bigint): this {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, value, true);
    return this;
  }

  /** In network order: ports and SPIs. */
  be16(value: number): this {
    const at = this.#grow(2);
    this.#view.setUint16(at, value);
    return this;
  }

  be32(value: number): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, value);
    return this;
  }

  bytes(value: Uint8Array): this {
    const at = this.#grow(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  zeros(count: number): this {
    this.#grow(count);
    return this;
  }

  /** Attribute of octets. */
  attribute(type: number, value: Uint8Array): this {
    return this.nested(type, writer => writer.bytes(value));
  }

  attributeU32(type: number, value: number): this {
    return this.nested(type, writer => writer.u32(value));
  }

  /** Attribute of text, with its terminating zero. */
  attributeText(type: number, value: string): this {
    return this.nested(type, writer => writer.bytes(new TextEncoder().encode(value)).u8(0));
  }

  /** Attribute whose content `write` appends; the length is patched in. */
  nested(type: number, write: (writer: this) => void): this {
    const at = this.#at;
    this.u16(0).u16(type);
    write(this);
    this.#view.setUint16(at, this.#at - at, true);
    this.#grow(-this.#at & 3);
    return this;
  }

  /** What was written, as a view of the writer's memory: the last thing done with it. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Where the next `count` octets go. Called first: it may change the memory that is written to. */
  #grow(count: number): number {
    const at = this.#at;
    this.#at = at + count;
    if (this.#at > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#at, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}
