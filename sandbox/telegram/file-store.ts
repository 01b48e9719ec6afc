import type { Upload } from "./request-body.ts";

export type StoredFile = Upload & { readonly id: string; readonly uniqueId: string };

/** The files that the bot uploaded. */
export type FileStore = {
  readonly add: (upload: Upload) => StoredFile;
  readonly get: (fileId: string) => StoredFile | undefined;
};

export function createFileStore(): FileStore {
  const files = new Map<string, StoredFile>();
  return {
    add: (upload) => {
      const number = files.size + 1;
      const id = `SandboxFile-${number}`;
      const file = { ...upload, id, uniqueId: `unique-${number}` };
      files.set(id, file);
      return file;
    },
    get: (fileId) => files.get(fileId),
  };
}
