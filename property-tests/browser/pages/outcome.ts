/** What a job in a page ends with. Errors become data, so that they cross from a worker and into Node. */
export type Outcome<T> = { readonly value: T } | { readonly error: string };

export async function outcomeOf<T>(job: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await job() };
  } catch (error) {
    return { error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }
}
