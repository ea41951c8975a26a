import { z } from "zod";
import { isInstanceId, isName } from "../core/model/names.ts";

/** Building blocks of settings that are words and numbers: each says what it wanted. */

/** A namespace, a service or a port name. */
export const nameField = z.string().refine(isName, {
  error: ({ input }) =>
    `${quote(input)} is no name; use 1 to 63 lower-case letters, digits and hyphens, not at its ends`,
});

/** An instance's or an agent's id. */
export const idField = z.string().refine(isInstanceId, {
  error: ({ input }) =>
    `${quote(input)} is no id; use 1 to 128 letters, digits and . _ : @ -, a letter or digit at both ends`,
});

/** `SERVICE` or `NAMESPACE/SERVICE`. */
export const serviceField = z.string().refine(isServiceName, {
  error: ({ input }) => `${quote(input)} is no service; write SERVICE or NAMESPACE/SERVICE`,
});

function isServiceName(text: string): boolean {
  const parts = text.split("/");
  return parts.length <= 2 && parts.every(isName);
}

/** A whole number within limits, both included. */
export function wholeNumber(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error });
}

/** One of a few words. */
export function oneOf<const Words extends readonly [string, ...string[]]>(words: Words) {
  return z.enum(words, {
    error: ({ input }) => `${quote(input)} is not one of ${words.join(", ")}`,
  });
}

function quote(input: unknown): string {
  return typeof input === "string" ? `"${input.slice(0, 80)}"` : String(JSON.stringify(input));
}
