output "cluster_name" {
  description = "The cluster, for `aws eks update-kubeconfig --name`."
  value       = aws_eks_cluster.this.name
}

output "region" {
  description = "The region of everything."
  value       = var.region
}

output "vpc_id" {
  description = "The VPC, which the load balancer controller wants to know."
  value       = aws_vpc.this.id
}

output "namespace" {
  description = "The namespace that identities are bound to: install the chart there."
  value       = var.namespace
}

output "release" {
  description = "The Helm release that identities are bound to: install the chart under this name."
  value       = var.release
}

output "registry_host" {
  description = "The registry, for `docker login`."
  value       = local.registry_host
}

output "image_registry" {
  description = "IMAGE_REGISTRY of `make images push`, and the chart's image.registry."
  value       = local.image_registry
}

output "bucket" {
  description = "The bucket. Rows to train on can be put under data/."
  value       = aws_s3_bucket.this.bucket
}

output "database_host" {
  description = "The database's host, which only the VPC reaches."
  value       = aws_db_instance.this.address
}

output "database_secret_arn" {
  description = "The secret with the administrator's name and password. It is a name, not the password."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}

output "helm_values" {
  description = "The values that generated/values.yaml holds."
  value       = local.helm_values
}

output "hostname" {
  description = "The host name that the gateway answers to; empty without one."
  value       = var.hostname
}

output "hosted_zone_id" {
  description = "The zone that the host name is to be entered in; empty without one."
  value       = var.hosted_zone_id
}
