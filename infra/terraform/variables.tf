variable "region" {
  description = "AWS region of the bucket and the signing key."
  type        = string
}

variable "environment" {
  description = "Short name that keeps installations apart, such as production or staging."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.environment))
    error_message = "Use 2 to 20 small letters, digits and hyphens, a letter first."
  }
}

variable "bucket_name" {
  description = "Name of the bucket; unique in all of AWS."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "Use 3 to 63 small letters, digits and hyphens; a dot would break TLS to the bucket's own host name."
  }
}

variable "prefix" {
  description = "Prefix of all keys, as in REELMILL_BUCKET=s3://name/prefix; empty, or ending in a slash."
  type        = string
  default     = ""

  validation {
    condition     = var.prefix == "" || can(regex("^[A-Za-z0-9][A-Za-z0-9/_.-]*/$", var.prefix))
    error_message = "Leave it empty or end it with a slash, and use no *, ? or $: policies would read them as patterns."
  }
}

variable "quarantine_days" {
  description = "Days for which orphans that the sweeper moved aside are kept."
  type        = number
  default     = 30

  validation {
    condition     = var.quarantine_days >= 1 && floor(var.quarantine_days) == var.quarantine_days
    error_message = "Give whole days, 1 or more."
  }
}

variable "noncurrent_days" {
  description = "Days for which an overwritten or deleted version can be brought back."
  type        = number
  default     = 30

  validation {
    condition     = var.noncurrent_days >= 1 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "Give whole days, 1 or more."
  }
}

variable "trusted_principals" {
  description = "ARNs of principals that may assume the roles, for machines outside of EKS."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.trusted_principals : can(regex("^arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:", arn))])
    error_message = "Give full ARNs of IAM principals; * would let anybody in."
  }
}

variable "cluster_name" {
  description = "EKS cluster whose service accounts get the roles by Pod Identity; empty for none."
  type        = string
  default     = ""
}

variable "namespace" {
  description = "Namespace of infra/kubernetes."
  type        = string
  default     = "reelmill"
}
