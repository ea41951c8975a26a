/** Text from strangers: how long it is on the wire, and how to show it safely. */

/** How much of a stranger's text a message repeats: enough to recognise it, too little to flood a log. */
const ECHO_CHARACTERS = 40;

const LONE_SURROGATE = /\p{Surrogate}/gu;
const NOT_PRINTABLE_ASCII = /[^\x20-\x7e]/g;

/** Length in bytes as UTF-8; a lone surrogate counts as the three bytes of its replacement. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    bytes += unit < 0x800 ? 1 : 2;
    if (isPairAt(text, i)) i++;
  }
  return bytes;
}

/** A pair is 4 bytes: 2 units, and 2 more that its first half has counted already. */
function isPairAt(text: string, index: number): boolean {
  if ((text.charCodeAt(index) & 0xfc00) !== 0xd800) return false;
  return (text.charCodeAt(index + 1) & 0xfc00) === 0xdc00;
}

/** False when the text holds half a surrogate pair, which UTF-8 cannot carry. */
export function isWellFormed(text: string): boolean {
  return text.search(LONE_SURROGATE) < 0;
}

/** The text with U+FFFD for each half of a surrogate pair. */
export function toWellFormed(text: string): string {
  return text.replace(LONE_SURROGATE, "\ufffd");
}

/** The text in quotes, cut and with everything but printable ASCII escaped: safe in logs, terminals and headers. */
export function echo(text: string): string {
  const start = text
    .slice(0, ECHO_CHARACTERS)
    .replace(/["\\]/g, "\\$&")
    .replace(NOT_PRINTABLE_ASCII, escapeUnit);
  return text.length <= ECHO_CHARACTERS
    ? `"${start}"`
    : `"${start}..." (${text.length} characters)`;
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
