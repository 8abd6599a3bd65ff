import { cleanup, render } from '@testing-library/react';
import { afterEach, expect, test, vi } from 'vitest';
import { answer, askFirst, useUnsaved } from './unsaved';

function Typed({ isDirty }: { isDirty: boolean }) {
  useUnsaved(isDirty);
  return null;
}
afterEach(cleanup);

test('nobody is asked where nothing is unsaved', () => {
  const navigate = vi.fn();
  render(<Typed isDirty={false} />);
  askFirst(navigate, '/limits');
  expect(navigate).toHaveBeenCalledWith('/limits', undefined);
});

test('who has changed something stays until they say that they leave', () => {
  const navigate = vi.fn();
  const { rerender } = render(<Typed isDirty />);
  askFirst(navigate, '/limits');
  answer(false);
  answer(true); // nothing waits any more
  expect(navigate).not.toHaveBeenCalled();
  askFirst(navigate, '/limits');
  answer(true);
  expect(navigate).toHaveBeenCalledOnce();
  rerender(<Typed isDirty={false} />);
  askFirst(navigate, '/audit');
  expect(navigate).toHaveBeenLastCalledWith('/audit', undefined);
});

test('the browser’s way back is taken back', () => {
  const heard = vi.fn();
  const before = window.location.href;
  render(<Typed isDirty />);
  window.addEventListener('popstate', heard);
  window.history.replaceState(null, '', '/elsewhere');
  window.dispatchEvent(new PopStateEvent('popstate'));
  expect(heard).not.toHaveBeenCalled();
  expect(window.location.href).toBe(before);
  answer(true);
  expect(window.location.pathname).toBe('/elsewhere');
  window.removeEventListener('popstate', heard);
});
