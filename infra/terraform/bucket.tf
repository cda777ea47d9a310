locals {
  names = {
    bucket_arn = aws_s3_bucket.clips.arn
    prefix     = var.prefix
    key_arn    = aws_kms_key.signing.arn
  }
}

resource "aws_s3_bucket" "clips" {
  bucket = var.bucket_name

  lifecycle {
    prevent_destroy = true # other sites link to published clips
  }
}

resource "aws_s3_bucket_public_access_block" "clips" {
  bucket                  = aws_s3_bucket.clips.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "clips" {
  bucket = aws_s3_bucket.clips.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "clips" {
  bucket = aws_s3_bucket.clips.id

  versioning_configuration {
    status = "Enabled"
  }
}

# Uses S3's own keys. With a KMS key, each role would need permission for it, and each download would call KMS.
resource "aws_s3_bucket_server_side_encryption_configuration" "clips" {
  bucket = aws_s3_bucket.clips.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_policy" "clips" {
  bucket = aws_s3_bucket.clips.id
  policy = templatefile("${path.module}/policies/bucket.json", local.names)

  depends_on = [aws_s3_bucket_public_access_block.clips]
}

resource "aws_s3_bucket_lifecycle_configuration" "clips" {
  bucket = aws_s3_bucket.clips.id

  rule {
    id     = "staged-masters"
    status = "Enabled"

    filter {
      prefix = "${var.prefix}staging/"
    }

    # The sweeper deletes staged files that are no longer needed, because it knows which clips still await review and
    # which first frames are in use. Deleted files can be generated again, so old versions are kept for only a day.
    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }

  rule {
    id     = "quarantined-orphans"
    status = "Enabled"

    filter {
      prefix = "${var.prefix}quarantine/"
    }

    expiration {
      days = var.quarantine_days
    }
  }

  rule {
    id     = "old-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_days
    }
  }

  rule {
    id     = "delete-markers"
    status = "Enabled"

    filter {}

    expiration {
      expired_object_delete_marker = true
    }
  }

  rule {
    id     = "abandoned-uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
  }

  depends_on = [aws_s3_bucket_versioning.clips]
}
