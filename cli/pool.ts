/** A pool of threads: each runs one task at a time, and whoever asked is told of every result. */

/** `worker` is a module beside this one that exports `work`; `onResult` gets the place of the task. Rejects as a task does. */
export async function inPool<Task, Result>(
  worker: string,
  tasks: readonly Task[],
  threads: number,
  onResult: (index: number, task: Task, result: Result) => void,
): Promise<void> {
  const { Piscina } = await import('piscina');
  const filename = new URL(worker, import.meta.url).href;
  const pool = new Piscina<Task, Result>({
    filename,
    name: 'work',
    minThreads: threads,
    maxThreads: threads,
  });
  try {
    await Promise.all(
      tasks.map(async (task, index) => {
        onResult(index, task, await pool.run(task));
      }),
    );
  } finally {
    await pool.destroy();
  }
}
