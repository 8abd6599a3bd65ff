/** Names and values that are typed: an empty line is always there for the next one. */

import { ActionIcon, TextInput } from '@mantine/core';
import { Icon } from '@/parts/Icon';
import type { Pair } from './call';

interface Props {
  /** What they are: "Query", "Field". */
  label: string;
  of: Pair[];
  onChange: (pairs: Pair[]) => void;
  hint: [name: string, value: string];
}

export function Pairs({ label, of, onChange, hint }: Props) {
  const lines: Pair[] = [...of, ['', '']];
  const set = (number: number, pair: Pair): void => {
    const after = [...of];
    after[number] = pair;
    onChange(after);
  };
  return (
    <fieldset className="rows mono-field">
      <legend className="field-label">{label}</legend>
      {lines.map(([name, value], number) => (
        <div key={number} className="rows-line">
          <TextInput
            aria-label={`${label}: name`}
            placeholder={number === 0 ? hint[0] : undefined}
            spellCheck={false}
            autoCapitalize="none"
            autoComplete="off"
            value={name}
            onChange={(event) => set(number, [event.currentTarget.value, value])}
          />
          <TextInput
            aria-label={`${label}: value${name === '' ? '' : ` of ${name}`}`}
            placeholder={number === 0 ? hint[1] : undefined}
            spellCheck={false}
            autoComplete="off"
            value={value}
            onChange={(event) => set(number, [name, event.currentTarget.value])}
          />
          {number < of.length ? (
            <ActionIcon size="sm" aria-label={`Remove ${name || 'this line'}`} onClick={() => onChange(of.filter((_, other) => other !== number))}>
              <Icon name="close" size={13} />
            </ActionIcon>
          ) : (
            <span />
          )}
        </div>
      ))}
    </fieldset>
  );
}
