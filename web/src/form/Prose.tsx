/** A sentence of the schema or the API, with its `code` set as such. */

export function Prose({ text, isInline = false }: { text: string; isInline?: boolean }) {
  const parts = text.split('`').map((part, number) => (number % 2 === 1 ? <code key={number}>{part}</code> : part));
  return isInline ? <>{parts}</> : <p className="prose">{parts}</p>;
}
