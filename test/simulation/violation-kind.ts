/**
 * What kind of thing went wrong: the same text for whoever it happened to, and however often. A
 * shorter run that fails in another way explains nothing.
 */
export function kindOf(violation: string): string {
  const [line = ""] = violation.split("\n");
  return line
    .replaceAll(/\b[a-z]\d+(\.\d+)?\b/g, "X")
    .replaceAll(/\d+(\.\d+)?/g, "N")
    .replaceAll(/default\/\w+/g, "SERVICE")
    .replaceAll(/\b(healthy|unhealthy|suspect|draining)\b/g, "STATE");
}
