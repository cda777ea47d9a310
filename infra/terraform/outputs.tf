output "settings" {
  description = "Settings for Reelmill, by environment variable."
  value = {
    REELMILL_BUCKET            = "s3://${aws_s3_bucket.clips.id}${var.prefix == "" ? "" : "/${trimsuffix(var.prefix, "/")}"}"
    REELMILL_BUCKET_REGION     = var.region
    REELMILL_SIGNER            = "kms"
    REELMILL_SIGNER_KMS_KEY    = aws_kms_alias.signing.name
    REELMILL_SIGNER_KMS_REGION = var.region
  }
}

output "role_arns" {
  description = "ARN of each role."
  value       = { for name, role in aws_iam_role.reelmill : name => role.arn }
}

output "signing_key_arn" {
  description = "ARN of the signing key. The issuer of its certificate needs the public key from here."
  value       = aws_kms_key.signing.arn
}
