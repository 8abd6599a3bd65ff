/** Looking for words in a list. */

/** Whether every word of a search is somewhere in a text, in any case. */
export function isFound(text: string, search: string): boolean {
  const whole = text.toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => whole.includes(word));
}
