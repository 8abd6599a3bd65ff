/** Which range of time a page is about; it stands in the address. */

import { SegmentedControl } from '@mantine/core';
import { useParameter } from './address';
import { rangeOf, RANGES, USUAL_RANGE, type Range } from './range';

export function useRange(): [Range, (value: string) => void] {
  const [value, change] = useParameter('range', USUAL_RANGE);
  return [rangeOf(value), change];
}

export function RangePicker() {
  const [range, change] = useRange();
  return (
    <SegmentedControl
      aria-label="Range of time"
      value={range.value}
      onChange={change}
      data={RANGES.map(({ value, label }) => ({ value, label }))}
    />
  );
}
