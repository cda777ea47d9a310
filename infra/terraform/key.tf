data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

# ES256 needs P-256. KMS does not rotate asymmetric keys; docs/operations.md describes how to switch to a new one.
resource "aws_kms_key" "signing" {
  description              = "Reelmill ${var.environment}: signs Content Credentials"
  key_usage                = "SIGN_VERIFY"
  customer_master_key_spec = "ECC_NIST_P256"
  deletion_window_in_days  = 30

  policy = templatefile("${path.module}/policies/key.json", {
    account_arn   = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"
    publisher_arn = aws_iam_role.reelmill["publisher"].arn
    dashboard_arn = aws_iam_role.reelmill["dashboard"].arn
  })

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_kms_alias" "signing" {
  name          = "alias/reelmill-${var.environment}-signing"
  target_key_id = aws_kms_key.signing.key_id
}
