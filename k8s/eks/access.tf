# Which program may do what in the bucket. Plain data, so that it can be read at a glance and tried without AWS.
# The keys are the components whose pods use the object store; their accounts are `RELEASE-COMPONENT`.

locals {
  bucket_arn = "arn:${local.partition}:s3:::${local.bucket}"
  model      = var.model_name

  promoting = ["${local.model}/champion.json", "${local.model}/audit/*"]

  workloads = {
    # KServe's initialiser, which has the server's account, reads the release; the server mirrors rows that wait.
    server = {
      read   = ["${local.model}/releases/*", "spill/*"]
      write  = ["spill/*"]
      delete = ["spill/*"]
    }
    # Training reads rows anywhere in the bucket. Releases are written once and never taken away.
    training = {
      read   = ["*"]
      write  = concat(["${local.model}/releases/*", "${local.model}/.probe-*", "mlflow/*"], var.auto_promote ? local.promoting : [])
      delete = ["${local.model}/.probe-*"]
    }
    promotion = {
      read   = ["${local.model}/*"]
      write  = local.promoting
      delete = []
    }
    drift = {
      read   = ["${local.model}/*"]
      write  = ["${local.model}/reports/*", "${local.model}/feedback/*"]
      delete = []
    }
    monitor = {
      read   = ["${local.model}/*"]
      write  = []
      delete = []
    }
    log-maintenance = {
      read   = ["spill/*"]
      write  = []
      delete = ["spill/*"]
    }
    # Clients write artifacts themselves; the server shows them, and those that models point to.
    mlflow = {
      read   = ["mlflow/*", "${local.model}/releases/*"]
      write  = []
      delete = []
    }
    # A caller of the server, who also asks which release is promoted.
    tests = {
      read   = ["${local.model}/champion.json"]
      write  = []
      delete = []
    }
  }

  actions = {
    read   = ["s3:GetObject"]
    write  = ["s3:PutObject", "s3:AbortMultipartUpload"]
    delete = ["s3:DeleteObject"]
  }

  policies = {
    for component, rights in local.workloads : component => jsonencode({
      Version = "2012-10-17"
      Statement = concat(
        # All may see names: without that right S3 answers 403 where nothing is, and programs ask for what may not be there.
        [{ Sid = "List", Effect = "Allow", Action = ["s3:ListBucket"], Resource = [local.bucket_arn] }],
        [
          for right, keys in rights : {
            Sid      = title(right)
            Effect   = "Allow"
            Action   = local.actions[right]
            Resource = [for key in keys : "${local.bucket_arn}/${key}"]
          } if length(keys) > 0
        ],
      )
    })
  }
}
