import { z } from "zod";

import { badRequest } from "../refusal.ts";
import { defineMethod } from "./api-method.ts";

/** Bots may download 20 MB, less than what they may upload. */
const MAX_DOWNLOAD_BYTES = 20 * 1024 * 1024;

export const getFile = defineMethod(z.strictObject({ file_id: z.string() }), (state, fields) => {
  const file = state.files.get(fields.file_id);
  if (file === undefined) throw badRequest("invalid file_id");
  if (file.bytes.length > MAX_DOWNLOAD_BYTES) throw badRequest("file is too big");
  return {
    file_id: file.id,
    file_unique_id: file.uniqueId,
    file_size: file.bytes.length,
    file_path: `documents/${file.id}`,
  };
});
