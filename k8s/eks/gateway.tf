# The way in from outside, when there is a host name: a certificate, the load balancer's firewall, and the rights of the
# AWS Load Balancer Controller, which makes an Application Load Balancer from the Gateway in generated/gateway.yaml.

locals {
  gateway       = var.hostname != ""
  gateway_count = local.gateway ? 1 : 0

  load_balancer_subnets = var.load_balancer_scheme == "internal" ? aws_subnet.private : aws_subnet.public
  load_balancer_cidrs   = var.load_balancer_scheme == "internal" ? local.private_cidrs : local.public_cidrs
}

resource "aws_acm_certificate" "this" {
  count             = local.gateway_count
  domain_name       = var.hostname
  validation_method = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "proof" {
  count           = local.gateway_count
  zone_id         = var.hosted_zone_id
  name            = one(aws_acm_certificate.this[0].domain_validation_options).resource_record_name
  type            = one(aws_acm_certificate.this[0].domain_validation_options).resource_record_type
  records         = [one(aws_acm_certificate.this[0].domain_validation_options).resource_record_value]
  ttl             = 300
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "this" {
  count                   = local.gateway_count
  certificate_arn         = aws_acm_certificate.this[0].arn
  validation_record_fqdns = [aws_route53_record.proof[0].fqdn]
}

# The firewall is ours rather than the controller's, which then needs no right to change security groups.
resource "aws_security_group" "load_balancer" {
  count       = local.gateway_count
  name        = "${var.name}-load-balancer"
  description = "HTTPS from the networks that may call, to the server's pods"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "load_balancer" {
  for_each          = toset(var.load_balancer_cidrs)
  security_group_id = aws_security_group.load_balancer[0].id
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "load_balancer" {
  count                        = local.gateway_count
  security_group_id            = aws_security_group.load_balancer[0].id
  referenced_security_group_id = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 8080
  to_port                      = 8080
}

resource "aws_vpc_security_group_ingress_rule" "server" {
  count                        = local.gateway_count
  security_group_id            = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
  description                  = "the load balancer, to the server's pods"
  referenced_security_group_id = aws_security_group.load_balancer[0].id
  ip_protocol                  = "tcp"
  from_port                    = 8080
  to_port                      = 8080
}
