/** What swanctl printed of SAs, with all that differs from run to run made equal. */
export function shape(text: string): string {
  return text
    .replace(/[0-9a-f]{16}(?=_[ir])/g, 'SPI')
    .replace(/^( +(?:in|out) +)[0-9a-f]{8}/gm, '$1SPI')
    .replace(/((?:-spi|spi-in|spi-out)(?: = |=))[0-9a-f]+/g, '$1SPI')
    .replace(
      /((?:uniqueid|established|reqid|rekey-time|reauth-time|life-time|install-time|(?:bytes|packets|use)-(?:in|out))(?: = |=))\d+/g,
      '$1N',
    )
    .replace(/#\d+/g, '#N')
    .replace(/-\d+ \{/g, '-N {')
    .replace(/\d+s\b/g, 'Ns')
    .replace(/reqid \d+/g, 'reqid N')
    .replace(/, +\d+ bytes, +\d+ packets(, +Ns ago)?/g, ', N bytes, N packets');
}
