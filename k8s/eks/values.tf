# What the chart and kubectl need to know of all this, as files beside it: `helm -f values-eks.yaml -f generated/values.yaml`.

locals {
  helm_values = templatefile("${path.module}/templates/values.yaml.tftpl", {
    image_registry      = local.image_registry
    bucket              = aws_s3_bucket.this.bucket
    region              = var.region
    model_name          = var.model_name
    auto_promote        = var.auto_promote
    database_host       = aws_db_instance.this.address
    hostname            = var.hostname
    release             = var.release
    load_balancer_cidrs = [for cidr in local.load_balancer_cidrs : cidr if local.gateway]
  })

  gateway_manifests = local.gateway ? templatefile("${path.module}/templates/gateway.yaml.tftpl", {
    namespace       = var.namespace
    release         = var.release
    hostname        = var.hostname
    scheme          = var.load_balancer_scheme
    certificate_arn = aws_acm_certificate_validation.this[0].certificate_arn
    security_group  = aws_security_group.load_balancer[0].id
    subnets         = [for subnet in local.load_balancer_subnets : subnet.id]
  }) : ""
}

resource "local_file" "values" {
  filename        = "${path.module}/generated/values.yaml"
  content         = local.helm_values
  file_permission = "0644"
}

resource "local_file" "gateway" {
  count           = local.gateway_count
  filename        = "${path.module}/generated/gateway.yaml"
  content         = local.gateway_manifests
  file_permission = "0644"
}
