variable "region" {
  description = "AWS region of the bucket and the signing key."
  type        = string
}

variable "environment" {
  description = "Short name of this installation, for example production or staging."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.environment))
    error_message = "Use 2 to 20 lowercase letters, digits and hyphens, starting with a letter."
  }
}

variable "bucket_name" {
  description = "Name of the bucket. It must be unique in all of AWS."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "Use 3 to 63 lowercase letters, digits and hyphens. A dot would break TLS for the bucket's own host name."
  }
}

variable "prefix" {
  description = "Prefix of all keys, as in REELMILL_BUCKET=s3://name/prefix. Leave it empty or end it with a slash."
  type        = string
  default     = ""

  validation {
    condition     = var.prefix == "" || can(regex("^[A-Za-z0-9][A-Za-z0-9/_.-]*/$", var.prefix))
    error_message = "Leave it empty or end it with a slash. Do not use *, ? or $, because policies would treat them as patterns."
  }
}

variable "quarantine_days" {
  description = "Number of days to keep orphans that the sweeper moved to quarantine/."
  type        = number
  default     = 30

  validation {
    condition     = var.quarantine_days >= 1 && floor(var.quarantine_days) == var.quarantine_days
    error_message = "Enter a whole number of days, at least 1."
  }
}

variable "noncurrent_days" {
  description = "Number of days during which an overwritten or deleted version can be restored."
  type        = number
  default     = 30

  validation {
    condition     = var.noncurrent_days >= 1 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "Enter a whole number of days, at least 1."
  }
}

variable "trusted_principals" {
  description = "ARNs of principals that may assume the roles, for machines outside EKS."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.trusted_principals : can(regex("^arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:", arn))])
    error_message = "Enter full ARNs of IAM principals. * would allow everyone to assume the roles."
  }
}

variable "cluster_name" {
  description = "EKS cluster whose service accounts get the roles through Pod Identity. Leave it empty if there is none."
  type        = string
  default     = ""
}

variable "namespace" {
  description = "Kubernetes namespace used in infra/kubernetes."
  type        = string
  default     = "reelmill"
}
