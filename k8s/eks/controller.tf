# Permissions of the AWS Load Balancer Controller: read everything, and change what carries this cluster's tag. It has no
# permission for security groups, web application firewalls or user pools, and its settings turn them off.

locals {
  # The controller tags all that it makes so.
  owner_tag = "elbv2.k8s.aws/cluster"
  balancing = "arn:${local.partition}:elasticloadbalancing:${var.region}:${local.account_id}"

  controller_statements = [
    {
      Sid    = "Look"
      Effect = "Allow"
      Action = [
        "acm:DescribeCertificate",
        "acm:ListCertificates",
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeInstances",
        "ec2:DescribeInternetGateways",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeRouteTables",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeTags",
        "ec2:DescribeVpcs",
        "ec2:GetSecurityGroupsForVpc",
        "elasticloadbalancing:Describe*",
      ]
      Resource = ["*"]
    },
    {
      Sid       = "FirstLoadBalancerOfTheAccount"
      Effect    = "Allow"
      Action    = ["iam:CreateServiceLinkedRole"]
      Resource  = ["*"]
      Condition = { StringEquals = { "iam:AWSServiceName" = "elasticloadbalancing.amazonaws.com" } }
    },
    {
      Sid       = "Make"
      Effect    = "Allow"
      Action    = ["elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:CreateTargetGroup"]
      Resource  = ["*"]
      Condition = { StringEquals = { "aws:RequestTag/${local.owner_tag}" = var.name } }
    },
    {
      Sid      = "TagWhatIsMade"
      Effect   = "Allow"
      Action   = ["elasticloadbalancing:AddTags"]
      Resource = ["${local.balancing}:loadbalancer/app/*", "${local.balancing}:targetgroup/*"]
      Condition = {
        StringEquals = {
          "elasticloadbalancing:CreateAction" = ["CreateLoadBalancer", "CreateTargetGroup"]
          "aws:RequestTag/${local.owner_tag}" = var.name
        }
      }
    },
    {
      Sid    = "ChangeItsOwn"
      Effect = "Allow"
      Action = [
        "elasticloadbalancing:AddTags",
        "elasticloadbalancing:DeleteLoadBalancer",
        "elasticloadbalancing:DeleteTargetGroup",
        "elasticloadbalancing:DeregisterTargets",
        "elasticloadbalancing:ModifyLoadBalancerAttributes",
        "elasticloadbalancing:ModifyTargetGroup",
        "elasticloadbalancing:ModifyTargetGroupAttributes",
        "elasticloadbalancing:RegisterTargets",
        "elasticloadbalancing:RemoveTags",
        "elasticloadbalancing:SetIpAddressType",
        "elasticloadbalancing:SetSecurityGroups",
        "elasticloadbalancing:SetSubnets",
      ]
      Resource  = ["${local.balancing}:loadbalancer/app/*", "${local.balancing}:targetgroup/*"]
      Condition = { StringEquals = { "aws:ResourceTag/${local.owner_tag}" = var.name } }
    },
    {
      # Requests for listeners and rules do not say whose load balancer it is.
      Sid    = "ListenersAndRules"
      Effect = "Allow"
      Action = [
        "elasticloadbalancing:AddListenerCertificates",
        "elasticloadbalancing:AddTags",
        "elasticloadbalancing:CreateRule",
        "elasticloadbalancing:DeleteListener",
        "elasticloadbalancing:DeleteRule",
        "elasticloadbalancing:ModifyListener",
        "elasticloadbalancing:ModifyListenerAttributes",
        "elasticloadbalancing:ModifyRule",
        "elasticloadbalancing:RemoveListenerCertificates",
        "elasticloadbalancing:RemoveTags",
        "elasticloadbalancing:SetRulePriorities",
      ]
      Resource = ["${local.balancing}:listener/app/*", "${local.balancing}:listener-rule/app/*"]
    },
    {
      Sid       = "ListenersOfItsOwn"
      Effect    = "Allow"
      Action    = ["elasticloadbalancing:CreateListener"]
      Resource  = ["${local.balancing}:loadbalancer/app/*"]
      Condition = { StringEquals = { "aws:ResourceTag/${local.owner_tag}" = var.name } }
    },
  ]

  gateway_identity = {
    for component, account in { load-balancer-controller = "aws-load-balancer-controller" } : component => {
      namespace                                          = "kube-system"
      service_account                                    = account
      policy                                             = jsonencode({ Version = "2012-10-17", Statement = local.controller_statements })
    } if local.gateway
  }
}
