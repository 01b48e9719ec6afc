import type { Fault } from "../fault-registry.ts";
import type { S3Mood } from "./server.ts";

export type BucketFaultName =
  | "bucket-key-revoked"
  | "bucket-answers-500"
  | "bucket-hangs"
  | "bucket-full"
  | "bucket-locked"
  | "bucket-cuts-uploads"
  | "bucket-loses-answers"
  | "bucket-corrupts";

/** What can be wrong with the store of the backups. */
export function bucketFaults(mood: S3Mood): readonly Fault<BucketFaultName>[] {
  const fault = (
    name: BucketFaultName,
    title: string,
    key: Exclude<keyof S3Mood, "cutsAtPart">,
  ): Fault<BucketFaultName> => ({
    name,
    title,
    break: () => {
      mood[key] = true;
    },
    heal: () => {
      mood[key] = false;
    },
  });
  return [
    fault("bucket-key-revoked", "The bucket's key is revoked", "revoked"),
    fault("bucket-answers-500", "The bucket answers 500", "failing"),
    fault("bucket-hangs", "The bucket hangs", "hanging"),
    fault("bucket-full", "The bucket is full", "full"),
    fault("bucket-locked", "A lock keeps what is in the bucket", "locked"),
    {
      name: "bucket-cuts-uploads",
      title: "Uploads into the bucket break off",
      break: () => {
        mood.cutsAtPart = 1;
      },
      heal: () => {
        mood.cutsAtPart = undefined;
      },
    },
    fault("bucket-loses-answers", "The bucket stores, but its answers get lost", "losesCompletion"),
    fault("bucket-corrupts", "The bucket keeps other bytes than it was given", "corrupts"),
  ];
}
