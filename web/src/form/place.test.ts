import { expect, test } from 'vitest';
import { placeInWords, Places } from './place';

test('a place is told in words', () => {
  expect(placeInWords('/limits/0/rate')).toBe('Limits 1, Rate');
  expect(placeInWords('/credential/client_secret')).toBe('Credential, Client secret');
  expect(placeInWords('')).toBe('');
});

test('what a field says needn’t be said again, as long as the field is there', () => {
  const places = new Places();
  const gone = places.note('/url');
  places.note('/methods/*');
  expect(['/url', '/methods', '/methods/1', '/timeout', ''].map((pointer) => places.has(pointer))).toEqual([
    true, true, true, false, false,
  ]); // prettier-ignore
  gone();
  expect(places.has('/url')).toBe(false);
});
