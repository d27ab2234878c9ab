/** Keys for SAs that are made by hand on both sides, as hexadecimal digits: of alice's packets and of bob's. */
export const KEYS = {
  alice: { encryption: `${'1a'.repeat(31)}01`, integrity: `${'2a'.repeat(31)}02` },
  bob: { encryption: `${'1b'.repeat(31)}03`, integrity: `${'2b'.repeat(31)}04` },
} as const;

export const SPIS = { alice: '0xc1000001', bob: '0xc1000002' } as const;

/** A `manual` section for one of the two: 10.9.0.1 with 10.1.0.0/16 behind it, 10.9.0.2 with 10.2.0.0/16. */
export function manualSection(who: 'alice' | 'bob', more = ''): string {
  const [own, peer] = who === 'alice' ? (['alice', 'bob'] as const) : (['bob', 'alice'] as const);
  const [net, other] = who === 'alice' ? [1, 2] : [2, 1];
  // What comes in has the SPI that its receiver has chosen.
  return `manual { lab {
    local_addr = 10.9.0.${net}
    remote_addr = 10.9.0.${other}
    local_ts = 10.${net}.0.0/16
    remote_ts = 10.${other}.0.0/16
    spi_in = ${SPIS[own]}
    spi_out = ${SPIS[peer]}
    esp = aes256-sha256
    encryption_key_in = 0x${KEYS[peer].encryption}
    integrity_key_in = 0x${KEYS[peer].integrity}
    encryption_key_out = 0x${KEYS[own].encryption}
    integrity_key_out = 0x${KEYS[own].integrity}
    ${more}
  } }\n`;
}
