import { expect, test } from 'vitest';
import { isFound } from './search';

test('what has all the words is found, in any order and case', () => {
  expect(isFound('partner-api-07 https://a.example', 'EXAMPLE 07')).toBe(true);
  expect(isFound('partner-api-07', 'partner 08')).toBe(false);
  expect(isFound('partner-api-07', ' ')).toBe(true);
});
