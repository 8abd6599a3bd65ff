/** The search of a list: `/` leads to it, Escape leaves it; what is looked for stands in the address. */

import { TextInput } from '@mantine/core';
import { SEARCH_FIELD } from '@/shell/keyboard';
import { Icon } from './Icon';

interface Props {
  label: string;
  placeholder: string;
  value: string;
  onChange: (value: string) => void;
}

export function SearchField({ label, placeholder, value, onChange }: Props) {
  return (
    <TextInput
      id={SEARCH_FIELD}
      className="search-field"
      aria-label={label}
      placeholder={placeholder}
      leftSection={<Icon name="search" size={14} />}
      rightSection={value === '' ? <kbd>/</kbd> : null}
      spellCheck={false}
      autoCapitalize="none"
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key === 'Escape') event.currentTarget.blur();
      }}
    />
  );
}
