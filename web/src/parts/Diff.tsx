/** What is different between two values, to read. */

import { diffOf, type DiffLine } from './diff';

const SIGNS: Record<DiffLine['kind'], string> = { same: ' ', gone: '−', new: '+', cut: '⋯' };
const NAMES: Partial<Record<DiffLine['kind'], string>> = { gone: 'removed: ', new: 'added: ' };

export function Diff({ before, after, label }: { before: unknown; after: unknown; label: string }) {
  const lines = diffOf(before, after);
  if (lines.every((line) => line.kind === 'same' || line.kind === 'cut')) {
    return <p className="dim">Nothing that is shown is different.</p>;
  }
  return (
    <pre className="diff" tabIndex={0} aria-label={label}>
      {lines.map((line, number) => (
        <span key={number} data-kind={line.kind}>
          <i aria-hidden="true">{SIGNS[line.kind]}</i>
          {NAMES[line.kind] !== undefined && <span className="unseen">{NAMES[line.kind]}</span>}
          {line.text}
          {'\n'}
        </span>
      ))}
    </pre>
  );
}
