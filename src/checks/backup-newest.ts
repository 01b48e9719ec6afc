import { idOfManifest } from "../core/manifest.ts";
import type { Bucket, StoredObject } from "../systems/bucket.ts";

/** The newest backup that has its manifest; what has none never happened. And all that is there, to look further. */
export async function newestBackup(
  bucket: Pick<Bucket, "list">,
  signal: AbortSignal,
): Promise<{ readonly id: string | undefined; readonly stored: readonly StoredObject[] }> {
  const stored = await bucket.list(signal);
  // A name begins with the moment, from the year to the second, so their order is that of time.
  const ids = stored.flatMap(({ name }) => idOfManifest(name) ?? []).toSorted();
  return { id: ids.at(-1), stored };
}
