import { z } from "zod";

const ACTIONS = ["callback_data", "url", "copy_text", "disabled"] as const;

/** The kinds of inline buttons that an ops bot uses. Exactly one action per button. */
const inlineButtonSchema = z
  .strictObject({
    text: z.string().min(1),
    style: z.enum(["danger", "success", "primary"]).optional(),
    icon_custom_emoji_id: z.string().optional(),
    callback_data: z.string().optional(),
    url: z.string().optional(),
    copy_text: z.strictObject({ text: z.string().min(1).max(256) }).optional(),
    disabled: z.strictObject({}).optional(),
  })
  .superRefine((button, context) => {
    const problem = buttonProblem(button);
    if (problem === undefined) return;
    context.addIssue({
      code: "custom",
      message: problem.message,
      params: { refusal: problem.refusal },
    });
  });
export type InlineButton = z.output<typeof inlineButtonSchema>;

export const inlineKeyboardSchema = z.strictObject({
  inline_keyboard: z.array(z.array(inlineButtonSchema).max(8)).max(100),
  force_reply: z.boolean().optional(),
});
export type InlineKeyboard = z.output<typeof inlineKeyboardSchema>;

const replyKeyboardSchema = z.strictObject({
  keyboard: z.array(z.array(z.union([z.string(), z.strictObject({ text: z.string() })]))),
  is_persistent: z.boolean().optional(),
  resize_keyboard: z.boolean().optional(),
  one_time_keyboard: z.boolean().optional(),
  input_field_placeholder: z.string().min(1).max(64).optional(),
  selective: z.boolean().optional(),
  force_reply: z.boolean().optional(),
});
const keyboardRemovalSchema = z.strictObject({
  remove_keyboard: z.literal(true),
  selective: z.boolean().optional(),
});
const forceReplySchema = z.strictObject({
  force_reply: z.literal(true),
  input_field_placeholder: z.string().min(1).max(64).optional(),
  selective: z.boolean().optional(),
});
export type ReplyMarkup =
  | InlineKeyboard
  | z.output<typeof replyKeyboardSchema>
  | z.output<typeof keyboardRemovalSchema>
  | z.output<typeof forceReplySchema>;

/** Told apart by their one telling key, so that a mistake inside is reported where it is and not once per variant. */
export const replyMarkupSchema = z.unknown().transform((value, context): ReplyMarkup => {
  const parsed = variantOf(value).safeParse(value);
  if (parsed.success) return parsed.data;
  context.issues.push(
    ...parsed.error.issues.map((issue) => ({ ...issue, input: value }) as z.core.$ZodRawIssue),
  );
  return z.NEVER;
});

function variantOf(value: unknown): z.ZodType<ReplyMarkup> {
  const has = (key: string) => typeof value === "object" && value !== null && key in value;
  if (has("keyboard")) return replyKeyboardSchema;
  if (has("remove_keyboard")) return keyboardRemovalSchema;
  if (has("force_reply") && !has("inline_keyboard")) return forceReplySchema;
  return inlineKeyboardSchema;
}

function buttonProblem(
  button: { readonly callback_data?: string | undefined } & {
    readonly [Action in (typeof ACTIONS)[number]]?: unknown;
  },
): { message: string; refusal: string } | undefined {
  const actions = ACTIONS.filter((action) => button[action] !== undefined && button[action] !== "");
  if (actions.length === 0) {
    return {
      message: `a button does one of ${ACTIONS.join(", ")}; this one does nothing`,
      refusal:
        "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
    };
  }
  if (actions.length > 1) {
    return {
      message: `a button does exactly one thing; this one has ${actions.join(" and ")}`,
      refusal: "can't parse inline keyboard button: exactly one action must be specified",
    };
  }
  const bytes = Buffer.byteLength(button.callback_data ?? "");
  if (bytes > 64) {
    return {
      message: `callback_data holds 1–64 bytes, not ${bytes}`,
      refusal: "BUTTON_DATA_INVALID",
    };
  }
  return undefined;
}
