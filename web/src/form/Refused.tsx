/** A save that was refused: what is wrong stands at its field; only what no field says is said here. */

import { Problem } from '@/api/problem';
import { Icon } from '@/parts/Icon';
import { Failure } from '@/parts/States';
import { placeInWords } from './place';

export function Refused({ error, isSaid }: { error: unknown; isSaid: (pointer: string) => boolean }) {
  if (!(error instanceof Problem) || error.faults.length === 0) return <Failure error={error} />;
  const rest = error.faults.filter((fault) => !isSaid(fault.pointer));
  const number = error.faults.length;
  return (
    <div className="failure" role="alert">
      <Icon name="warn" />
      <div>
        <b>It isn’t saved</b>
        {rest.length < number && <div>{number === 1 ? 'What is wrong is said at its field.' : 'What is wrong is said at the fields.'}</div>}
        {rest.length > 0 && (
          <ul>
            {rest.map((fault) => (
              <li key={fault.pointer + fault.message}>
                {fault.pointer !== '' && <b>{placeInWords(fault.pointer)}: </b>}
                {fault.message}
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}
