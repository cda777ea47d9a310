locals {
  # Policies (in policies/) of each role. The dashboard signs and publishes approved clips, and withdraws clips.
  roles = {
    renderer  = ["renderer"]
    publisher = ["publisher", "sign"]
    dashboard = ["publisher", "sign", "withdraw"]
    sweeper   = ["sweeper"]
  }

  grants = merge([
    for role, policies in local.roles : { for policy in policies : "${role}-${policy}" => { role = role, policy = policy } }
  ]...)

  trust = concat(
    var.cluster_name == "" ? [] : [{
      Effect    = "Allow"
      Principal = { Service = "pods.eks.amazonaws.com" }
      Action    = ["sts:AssumeRole", "sts:TagSession"]
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }],
    length(var.trusted_principals) == 0 ? [] : [{
      Effect    = "Allow"
      Principal = { AWS = var.trusted_principals }
      Action    = ["sts:AssumeRole"]
    }],
  )
}

resource "aws_iam_role" "reelmill" {
  for_each = local.roles

  name               = "reelmill-${var.environment}-${each.key}"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = local.trust })

  lifecycle {
    precondition {
      condition     = length(local.trust) > 0
      error_message = "No principal could assume the roles. Set cluster_name or trusted_principals."
    }
  }
}

resource "aws_iam_role_policy" "reelmill" {
  for_each = local.grants

  name   = each.value.policy
  role   = aws_iam_role.reelmill[each.value.role].id
  policy = templatefile("${path.module}/policies/${each.value.policy}.json", local.names)
}

resource "aws_eks_pod_identity_association" "reelmill" {
  for_each = var.cluster_name == "" ? {} : local.roles

  cluster_name    = var.cluster_name
  namespace       = var.namespace
  service_account = "reelmill-${each.key}"
  role_arn        = aws_iam_role.reelmill[each.key].arn
}
