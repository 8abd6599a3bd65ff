/** Changes: asked of the API, told when done, and what they touch is read again. The server decides what is. */

import { notifications } from '@mantine/notifications';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { asProblem } from '@/api/problem';

interface Wanted<Input, Answer> {
  change: (input: Input) => Promise<Answer>;
  /** What is told when it is done. */
  said?: (answer: Answer, input: Input) => string;
  /** The first words of the keys of the queries that are read again. */
  refreshes: string[];
  onDone?: (answer: Answer, input: Input) => void;
  /** Whether a refusal is told at once, where no form or dialog shows it. */
  isTold?: boolean;
}

export function useChange<Input, Answer>({ change, said, refreshes, onDone, isTold = false }: Wanted<Input, Answer>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: async (answer, input) => {
      const sentence = said?.(answer, input);
      if (sentence !== undefined) notifications.show({ message: sentence, color: 'gate' });
      for (const warning of warningsOf(answer)) {
        notifications.show({ title: 'It is done, but look at this', message: warning, color: 'yellow', autoClose: 12_000 });
      }
      await Promise.all(refreshes.map((name) => client.invalidateQueries({ queryKey: [name] })));
      onDone?.(answer, input);
    },
    onError: (error) => {
      if (!isTold) return;
      const { title, detail } = asProblem(error);
      notifications.show({ title, message: detail, color: 'red', autoClose: 10_000 });
    },
  });
}

function warningsOf(answer: unknown): string[] {
  if (typeof answer !== 'object' || answer === null || !('warnings' in answer) || !Array.isArray(answer.warnings)) return [];
  return answer.warnings.flatMap((warning: { path?: unknown; message?: unknown }) =>
    typeof warning.message === 'string' ? [`${typeof warning.path === 'string' ? warning.path : ''} ${warning.message}`.trim()] : [],
  );
}
