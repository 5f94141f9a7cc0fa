# Pod Identity: each component's ServiceAccount has its own role, and no keys are stored.

data "aws_iam_policy_document" "pod_trust" {
  for_each = local.identities

  statement {
    actions = ["sts:AssumeRole", "sts:TagSession"]

    principals {
      type        = "Service"
      identifiers = ["pods.eks.amazonaws.com"]
    }

    # EKS tags each session with whose it is; without these any association in the account could take the role.
    dynamic "condition" {
      for_each = {
        eks-cluster-name           = var.name
        kubernetes-namespace       = each.value.namespace
        kubernetes-service-account = each.value.service_account
      }

      content {
        test     = "StringEquals"
        variable = "aws:RequestTag/${condition.key}"
        values   = [condition.value]
      }
    }
  }
}

locals {
  identities = merge(
    {
      for component, policy in local.policies : component => {
        namespace       = var.namespace
        service_account = "${var.release}-${component}"
        policy          = policy
      }
    },
    local.gateway_identity,
  )
}

resource "aws_iam_role" "pod" {
  for_each           = local.identities
  name               = "${var.name}-pod-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.pod_trust[each.key].json
}

resource "aws_iam_role_policy" "pod" {
  for_each = local.identities
  name     = "access"
  role     = aws_iam_role.pod[each.key].id
  policy   = each.value.policy
}

resource "aws_eks_pod_identity_association" "this" {
  for_each        = local.identities
  cluster_name    = aws_eks_cluster.this.name
  namespace       = each.value.namespace
  service_account = each.value.service_account
  role_arn        = aws_iam_role.pod[each.key].arn
}
